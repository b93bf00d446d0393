# Data flows one way: a room of the compiler includes itself and the rooms before it, and
# neither half knows the other but for arch_model.h.
#
#     cmake -DROOT=<project> -P layers.cmake
set(rooms base syntax ir sema grad opt plan emit)
set(wrong "")

foreach(room ${rooms})
    list(APPEND allowed ${room})
    file(GLOB files RELATIVE ${ROOT} ${ROOT}/compiler/${room}/*.[chly] ${ROOT}/compiler/${room}/*.def)
    if(NOT files)
        message(FATAL_ERROR "there is no room compiler/${room}")
    endif()
    foreach(file ${files})
        file(STRINGS ${ROOT}/${file} lines REGEX "^ *# *include \"[a-z]+/")
        foreach(line ${lines})
            string(REGEX REPLACE ".*\"([a-z]+)/.*" "\\1" other "${line}")
            if(NOT other IN_LIST allowed)
                string(APPEND wrong "${file}: ${line}\n")
            endif()
        endforeach()
    endforeach()
endforeach()

file(GLOB files RELATIVE ${ROOT} ${ROOT}/runtime/*.[ch] ${ROOT}/runtime/include/archrt/*.h)
foreach(file ${files})
    file(STRINGS ${ROOT}/${file} lines REGEX "^ *# *include \"")
    foreach(line ${lines})
        string(REGEX REPLACE ".*\"([^\"]+)\".*" "\\1" header "${line}")
        if(NOT header MATCHES "^archrt/" AND NOT EXISTS ${ROOT}/runtime/${header}
           AND NOT header STREQUAL "arch_model.h")
            string(APPEND wrong "${file}: ${line}\n")
        endif()
    endforeach()
endforeach()

if(wrong)
    message(FATAL_ERROR "these includes point upward, or across:\n${wrong}")
endif()
