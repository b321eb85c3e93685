# Whole-binary tests: every tests/*_test.sh and tests/*_test.py is one ctest entry, run with the built binary in FAQSMITH.
file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.sh ${PROJECT_SOURCE_DIR}/tests/*_test.py)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  if(script MATCHES "\\.py$")
    set(runner bash ${PROJECT_SOURCE_DIR}/tools/with_python.sh)
  else()
    set(runner bash)
  endif()
  add_test(NAME script.${name} COMMAND ${runner} ${script})
  set_tests_properties(script.${name} PROPERTIES
    ENVIRONMENT "FAQSMITH=$<TARGET_FILE:faqsmith>;FAQSMITH_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS script)
endforeach()
