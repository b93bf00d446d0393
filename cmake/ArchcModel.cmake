# archc_add_model(TARGET FILE.arch NAME model [PRECISION f64] [CONV direct]
#     [TYPE STATIC|SHARED|MODULE])
#
# A library TARGET with the kernels of one model, generated at build time; its header is
# found by whoever links it.  In f64 the model, and its files, are called NAME_f64.
function(archc_add_model target file)
    cmake_parse_arguments(arg "" "NAME;PRECISION;CONV;TYPE" "" ${ARGN})
    if(NOT arg_TYPE)
        set(arg_TYPE STATIC)
    endif()
    if(NOT arg_PRECISION)
        set(arg_PRECISION f32)
    endif()
    if(NOT arg_CONV)
        set(arg_CONV auto)
    endif()
    set(name ${arg_NAME})
    if(arg_PRECISION STREQUAL f64)
        set(name ${arg_NAME}_f64)
    endif()
    get_filename_component(file ${file} ABSOLUTE)
    set(dir ${CMAKE_CURRENT_BINARY_DIR}/models)
    add_custom_command(OUTPUT ${dir}/${name}.c ${dir}/${name}.h
        COMMAND archc ${file} --precision=${arg_PRECISION} --conv=${arg_CONV} -o ${dir}
        DEPENDS archc ${file} VERBATIM)
    add_library(${target} ${arg_TYPE} ${dir}/${name}.c)
    target_include_directories(${target} PUBLIC ${dir})
    target_link_libraries(${target} PUBLIC m)
    target_compile_options(${target} PRIVATE -O2 -Wall -Wextra -Werror)
    set_target_properties(${target} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF PREFIX ""
        POSITION_INDEPENDENT_CODE ON)
endfunction()
