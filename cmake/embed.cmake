# Text files of a folder (schema, page, style sheet, commented settings …) become constants of the binary: src/store/schema.sql is
# `extern const std::string_view schema_sql;` in namespace faqsmith::embedded. Test data is never embedded.
set(FAQSMITH_ROOT ${CMAKE_CURRENT_LIST_DIR}/..)
function(faqsmith_embed folder out)
  file(GLOB_RECURSE assets CONFIGURE_DEPENDS ${FAQSMITH_ROOT}/src/${folder}/*.sql ${FAQSMITH_ROOT}/src/${folder}/*.html
       ${FAQSMITH_ROOT}/src/${folder}/*.css ${FAQSMITH_ROOT}/src/${folder}/*.js ${FAQSMITH_ROOT}/src/${folder}/*.yaml
       ${FAQSMITH_ROOT}/src/${folder}/*.jsonl)
  list(FILTER assets EXCLUDE REGEX "/testdata/")
  set(generated)
  foreach(asset ${assets})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${asset})
    get_filename_component(name ${asset} NAME)
    string(MAKE_C_IDENTIFIER ${name} EMBED_NAME)
    file(READ ${asset} EMBED_TEXT)
    set(source ${PROJECT_BINARY_DIR}/embedded/${folder}/${EMBED_NAME}.cc)
    configure_file(${FAQSMITH_ROOT}/cmake/embedded.cc.in ${source} @ONLY)
    list(APPEND generated ${source})
  endforeach()
  set(${out} ${generated} PARENT_SCOPE)
endfunction()
