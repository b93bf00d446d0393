# Runs `archc ARGS` and compares what it prints, and its exit code, with the file EXPECT.
#     cmake -DARCHC=.. -DARGS="a;b" -DEXPECT=.. -P compare.cmake
# With ARCHC_BLESS in the environment the file is rewritten instead.
execute_process(COMMAND ${ARCHC} ${ARGS}
    OUTPUT_VARIABLE out ERROR_VARIABLE err RESULT_VARIABLE code)
set(got "${out}${err}")
if(NOT code EQUAL 0)
    string(APPEND got "exit ${code}\n")
endif()

if(DEFINED ENV{ARCHC_BLESS})
    file(WRITE ${EXPECT} "${got}")
    return()
endif()
if(NOT EXISTS ${EXPECT})
    message(FATAL_ERROR "there is no ${EXPECT}; build the target 'bless' to make it")
endif()
file(READ ${EXPECT} want)
if(NOT got STREQUAL want)
    file(WRITE ${EXPECT}.new "${got}")
    execute_process(COMMAND diff -u ${EXPECT} ${EXPECT}.new)
    file(REMOVE ${EXPECT}.new)
    message(FATAL_ERROR "archc ${ARGS} printed something else than ${EXPECT}")
endif()
