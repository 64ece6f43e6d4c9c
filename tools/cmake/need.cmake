# tt_need(PROGRAM PACKAGE): names a compiler that is missing, and what to do.
function(tt_need program package)
    find_program(found_${program} ${program})
    if(NOT found_${program})
        message(FATAL_ERROR "${program} is not installed. Run  deps/install build  in the repository's root, "
            "or install the Debian package ${package}.")
    endif()
endfunction()
