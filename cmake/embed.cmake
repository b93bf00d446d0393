# Writes OUT, a C file that includes HEADER and holds each of FILES as an array
# const char PREFIX_NAME[], or all of them, one behind the other, as PREFIX_JOINED[].
set(text "/* Text of the program's own, as arrays. */\n#include \"${HEADER}\"\n")

function(bytes_of file)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)"
        "\\1\n" bytes "${bytes}")
    set(bytes "${bytes}" PARENT_SCOPE)
endfunction()

foreach(file ${FILES})
    get_filename_component(name ${file} NAME_WE)
    bytes_of(${file})
    if(JOINED)
        string(APPEND all "${bytes}\n")
    else()
        string(APPEND text "\nconst char ${PREFIX}_${name}[] = {\n${bytes}0};\n")
    endif()
endforeach()
if(JOINED)
    string(APPEND text "\nconst char ${PREFIX}_${JOINED}[] = {\n${all}0};\n")
endif()
file(WRITE ${OUT} "${text}")
