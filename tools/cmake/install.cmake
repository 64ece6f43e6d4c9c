# cmake --install build/linux --prefix DIR: the SDK. bin/ has the tools, lib/ the libraries for this machine, share/doc the pages, and
# share/tutti/ what find_package(tutti) builds devices from: our sources, as they lie here, and the third-party ones.
set(sdk share/tutti)

install(TARGETS tutti tutti-switch tt_backtrace)
install(FILES ${PROJECT_BINARY_DIR}/cli/tutti.1 DESTINATION share/man/man1)
file(GLOB pages CONFIGURE_DEPENDS docs/*.md)
install(FILES ${pages} DESTINATION share/doc/tutti)

install(FILES CMakeLists.txt tutti-config.cmake VERSION DESTINATION ${sdk})
file(REAL_PATH LICENSE license)
install(FILES ${license} DESTINATION ${sdk} RENAME LICENSE)
install(FILES ${PROJECT_BINARY_DIR}/generated/tutti/version.h DESTINATION ${sdk}) # no history tells the commit there
foreach(room base deps os codec storage bus ai platform service node products/common include tools/cmake)
    get_filename_component(above ${sdk}/${room} DIRECTORY)
    install(DIRECTORY ${room} DESTINATION ${above})
endforeach()
file(REAL_PATH build/deps/lwip lwip) # the version that was fetched
install(DIRECTORY ${lwip}/ DESTINATION ${sdk}/build/deps/lwip
    PATTERN contrib EXCLUDE PATTERN doc EXCLUDE PATTERN test EXCLUDE PATTERN debian EXCLUDE)
install(DIRECTORY examples/sensor DESTINATION ${sdk}/examples) # what `tutti new device` copies

# The images of the kinds that `tutti up` knows by name, of those machines that are built.
install(FILES build/cortex-m4/products/watch/watch.elf build/riscv64/products/car/car.elf build/aarch64/products/tv/tv.elf
    DESTINATION ${sdk}/images OPTIONAL)
install(PROGRAMS ${PROJECT_BINARY_DIR}/products/linux/tutti-node DESTINATION ${sdk}/images)

# The libraries as targets.
foreach(library ${TT_LIBRARIES})
    set_target_properties(tt_${library} PROPERTIES EXPORT_NAME ${library})
    install(TARGETS tt_${library} EXPORT tutti)
endforeach()
install(EXPORT tutti NAMESPACE tutti:: DESTINATION ${sdk} FILE libraries.cmake)
