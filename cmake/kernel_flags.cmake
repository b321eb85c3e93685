# What the compiler may do in src/ops/cpu so that plain loops vectorise: sums may be reordered (at compile time, so results stay
# reproducible). Never -ffinite-math-only: a NaN must survive to the loss.
file(GLOB kernel_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/ops/cpu/*.cc)
set_source_files_properties(${kernel_sources} PROPERTIES COMPILE_OPTIONS
  "-O3;-fassociative-math;-fno-signed-zeros;-fno-trapping-math;-fno-math-errno;-ffp-contract=fast")
# Loops over logits: without this the comparisons in them stay branches on AVX2, and the loop scalar. No sum is reordered.
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/infer/logit_blocks.cc PROPERTIES COMPILE_OPTIONS "-fno-trapping-math")
# In versions for several numbers of rows that must agree bit by bit: their sums stay as written.
set_property(SOURCE ${PROJECT_SOURCE_DIR}/src/ops/cpu/quant_avx2.cc ${PROJECT_SOURCE_DIR}/src/ops/cpu/quant_vnni.cc
  ${PROJECT_SOURCE_DIR}/src/ops/cpu/float_rows.cc APPEND PROPERTY COMPILE_OPTIONS "-fno-associative-math")
