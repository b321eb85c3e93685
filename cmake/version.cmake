# The git commit of a build, written to <build>/generated/cli/commit.h at build time and only touched when it changes.
find_package(Git QUIET)
add_custom_target(faqsmith_commit
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DGIT=${GIT_EXECUTABLE}
          -DOUTPUT=${PROJECT_BINARY_DIR}/generated/cli/commit.h -P ${PROJECT_SOURCE_DIR}/cmake/write_commit.cmake
  BYPRODUCTS ${PROJECT_BINARY_DIR}/generated/cli/commit.h
  COMMENT "")
add_dependencies(faqsmith_cli faqsmith_commit)
target_include_directories(faqsmith_cli PRIVATE ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(faqsmith_cli PRIVATE FAQSMITH_VERSION="${PROJECT_VERSION}" FAQSMITH_BUILD_TYPE="${CMAKE_BUILD_TYPE}")
