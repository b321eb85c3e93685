// What a reStructuredText file defines for itself, wherever it stands in it: substitutions and labels of sections.
#pragma once
#include "ingest/rst_inline.h"
#include "ingest/rst_scan.h"

namespace faqsmith {

// The budget of the result is for the caller to set.
[[nodiscard]] RstNames collect_rst_names(RstLines lines);

}  // namespace faqsmith
