# Writes the header OUT with the version and commit of the sources in ROOT, unless it says so already.
# usage: cmake -DROOT=folder -DOUT=version.h -P version.cmake
cmake_minimum_required(VERSION 3.25)
if(EXISTS ${ROOT}/version.h) # an installed SDK: of the sources that it came from
    configure_file(${ROOT}/version.h ${OUT} COPYONLY)
    return()
endif()
file(STRINGS ${ROOT}/VERSION VERSION)
set(commit unknown) # a tree without a history
if(EXISTS ${ROOT}/.git)
    execute_process(COMMAND git -C ${ROOT} describe --always --dirty --abbrev=12 "--exclude=*"
        OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
    if(result EQUAL 0)
        set(commit ${described})
    endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "// Which Tutti this is: made by the build from the file VERSION and the commit.

#ifndef TUTTI_VERSION_H
#define TUTTI_VERSION_H

#define TUTTI_VERSION \"@VERSION@\"
#define TUTTI_COMMIT \"@commit@\" // 12 digits; -dirty where files differ from it; unknown without a history

#endif
" @ONLY)
