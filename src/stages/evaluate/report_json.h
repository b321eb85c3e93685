// report.json: the whole evaluation for programs. Keys in a fixed order, UTF-8, one line end at the end.
#pragma once
#include <string>

#include "stages/evaluate/evaluation.h"

namespace faqsmith {

[[nodiscard]] std::string report_json(const Evaluation& evaluation);

}  // namespace faqsmith
