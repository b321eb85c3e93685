# Reads layers.txt and makes one library (and one test program) per folder. A folder's private libraries are set in
# dependencies.cmake as FAQSMITH_LIBS_<folder>.
include(cmake/embed.cmake)
find_program(FAQSMITH_CCACHE ccache)
if(FAQSMITH_CCACHE)
  # Without the sloppiness ccache keeps nothing that was compiled with a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${FAQSMITH_CCACHE})
endif()

add_library(faqsmith_flags INTERFACE)
target_include_directories(faqsmith_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
# -Wno-restrict: gcc 12 warns falsely about std::string's operator+ (GCC bug 105651).
target_compile_options(faqsmith_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wno-restrict)
target_link_libraries(faqsmith_flags INTERFACE fmt::fmt OpenMP::OpenMP_CXX)
if(FAQSMITH_SANITIZE)
  target_compile_options(faqsmith_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(faqsmith_flags INTERFACE -fsanitize=address,undefined)
  target_compile_definitions(faqsmith_flags INTERFACE FAQSMITH_SANITIZED=1)
endif()

if(FAQSMITH_TESTS)
  # A test spends its time in the library: -O3 of its own code only costs compile time (trainer_test.cc: 6.9 s against
  # 4.3). A quarter of what remains is these headers, the same in all of them.
  add_library(faqsmith_test_headers STATIC ${PROJECT_SOURCE_DIR}/cmake/test_headers.cc)
  target_link_libraries(faqsmith_test_headers PUBLIC faqsmith_flags GTest::gmock)
  # -Wno-array-bounds, -Wno-stringop-overflow: the same false warning as -Wrestrict's above, which the precompiled
  # <string> brings out.
  target_compile_options(faqsmith_test_headers PUBLIC -fpch-preprocess -Wno-array-bounds -Wno-stringop-overflow
    $<$<CONFIG:Release>:-O1> $<$<CONFIG:Debug>:-O0>)
  target_precompile_headers(faqsmith_test_headers PRIVATE <fmt/format.h> <gmock/gmock.h> <gtest/gtest.h>)
endif()

# Folders whose own code decides and writes but does not compute: -O3 of it costs a quarter of its compile time for nothing.
set(FAQSMITH_ORGANISING_FOLDERS store llm stages app cli)

function(faqsmith_add_folder folder)
  set(deps ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  faqsmith_embed(${folder} embedded)
  list(APPEND sources ${embedded})
  set(library faqsmith_${folder})
  if(sources)
    add_library(${library} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(${library} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${library} ${scope} faqsmith_flags ${FAQSMITH_LIBS_${folder}})
  foreach(dep ${deps})
    target_link_libraries(${library} ${scope} faqsmith_${dep})
  endforeach()
  if(folder IN_LIST FAQSMITH_ORGANISING_FOLDERS)
    target_compile_options(${library} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  if(FAQSMITH_TESTS AND tests)
    add_executable(${folder}_test ${tests})
    target_link_libraries(${folder}_test PRIVATE ${library} faqsmith_test_headers GTest::gtest_main)
    target_precompile_headers(${folder}_test REUSE_FROM faqsmith_test_headers)
    target_compile_definitions(${folder}_test PRIVATE FAQSMITH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    # Threads that wait must sleep: on a busy machine spinning makes small tests 17 times slower.
    gtest_discover_tests(${folder}_test TEST_PREFIX "${folder}." DISCOVERY_MODE PRE_TEST
      PROPERTIES TIMEOUT 300 LABELS unit ENVIRONMENT OMP_WAIT_POLICY=passive)
  endif()
endfunction()

function(faqsmith_add_folders file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(STRINGS ${file} lines REGEX "^[a-z]+:")
  foreach(line ${lines})
    string(REGEX MATCH "^([a-z]+):(.*)$" _ "${line}")
    set(folder ${CMAKE_MATCH_1})
    string(STRIP "${CMAKE_MATCH_2}" deps)
    separate_arguments(deps)
    faqsmith_add_folder(${folder} ${deps})
  endforeach()
endfunction()
