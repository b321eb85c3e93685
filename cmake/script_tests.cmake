# Whole-binary tests: every tests/*_test.sh and tests/*_test.py is one ctest entry, run with the built binary in FAQSMITH.
# Every tests/*_lines.cc is a helper program that a script feeds lines; scripts find them in the folder FAQSMITH_HELPERS.
file(GLOB helpers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_lines.cc)
foreach(helper ${helpers})
  get_filename_component(name ${helper} NAME_WE)
  add_executable(${name} ${helper})
  target_link_libraries(${name} PRIVATE faqsmith_infer faqsmith_ingest nlohmann_json::nlohmann_json)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
endforeach()

# A library that scripts preload into the binary: FAQSMITH_HELPERS/libio_faults.so.
add_library(io_faults SHARED ${PROJECT_SOURCE_DIR}/tests/io_faults.cc)
target_link_libraries(io_faults PRIVATE ${CMAKE_DL_LIBS})

file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.sh ${PROJECT_SOURCE_DIR}/tests/*_test.py)
# COST: they are the longest and begin first; else the last of them keeps one core busy and the others idle.
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  if(script MATCHES "\\.py$")
    set(runner bash ${PROJECT_SOURCE_DIR}/tools/with_python.sh)
  else()
    set(runner bash)
  endif()
  add_test(NAME script.${name} COMMAND ${runner} ${script})
  set_tests_properties(script.${name} PROPERTIES
    ENVIRONMENT "FAQSMITH=$<TARGET_FILE:faqsmith>;FAQSMITH_SOURCE_DIR=${PROJECT_SOURCE_DIR};FAQSMITH_HELPERS=${PROJECT_BINARY_DIR}"
    SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS script COST 100)
endforeach()
