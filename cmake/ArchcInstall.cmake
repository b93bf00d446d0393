# What `cmake --install build` installs: both programs, the runtime's library and headers,
# and a package for find_package(archc).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS archc archrun RUNTIME)
install(TARGETS archrt ARCHIVE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/include/archrt TYPE INCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/compiler/emit/prelude/arch_model.h TYPE INCLUDE)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/archc)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/archcConfig.cmake.in
    ${PROJECT_BINARY_DIR}/archcConfig.cmake INSTALL_DESTINATION ${package}
    PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/archcConfigVersion.cmake
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/archcConfig.cmake
    ${PROJECT_BINARY_DIR}/archcConfigVersion.cmake
    ${CMAKE_CURRENT_LIST_DIR}/ArchcModel.cmake DESTINATION ${package})
