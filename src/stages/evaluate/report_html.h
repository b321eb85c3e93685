// report.html: one file that needs nothing else, opens anywhere and asks no other host for anything. No script; a
// strict content security policy; whatever models and documents said is escaped.
#pragma once
#include <string>

#include "stages/evaluate/evaluation.h"

namespace faqsmith {

[[nodiscard]] std::string report_html(const Evaluation& evaluation);

}  // namespace faqsmith
