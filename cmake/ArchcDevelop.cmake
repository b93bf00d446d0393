# Targets for those who work on archc itself.
#
#     format        rewrites all C files by .clang-format
#     tidy          clang-tidy, as .clang-tidy says, over compiler/ runtime/ examples/
#     check-fast    builds everything, runs the quick tests
set(CMAKE_EXPORT_COMPILE_COMMANDS ON CACHE BOOL "what clang-tidy reads")
file(GLOB_RECURSE own_sources CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/compiler/*.[ch] ${PROJECT_SOURCE_DIR}/runtime/*.[ch]
    ${PROJECT_SOURCE_DIR}/examples/*.[ch])
file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*.[ch])
# Text that is pasted into generated code keeps the shape it has there.
set(formatted ${own_sources} ${test_sources})
list(FILTER formatted EXCLUDE REGEX "/emit/prelude/")

find_program(CLANG_FORMAT clang-format)
if(CLANG_FORMAT)
    add_custom_target(format COMMAND ${CLANG_FORMAT} -i ${formatted} VERBATIM)
endif()

find_program(CLANG_TIDY clang-tidy)
if(CLANG_TIDY)
    set(checked ${own_sources})
    list(FILTER checked INCLUDE REGEX "\\.c$")
    add_custom_target(tidy COMMAND ${CLANG_TIDY} --quiet -p ${PROJECT_BINARY_DIR} ${checked}
        USES_TERMINAL VERBATIM)
endif()

if(BUILD_TESTING)
    add_custom_target(check-fast
        COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR}
        COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure -L "unit|golden|error"
            -LE "slow|physics|fuzz"
        WORKING_DIRECTORY ${PROJECT_BINARY_DIR} USES_TERMINAL VERBATIM)
endif()
