// `faqsmith gates`: how good each gate is on the shipped probes, with the model at hand or without one.
#pragma once
#include <vector>

#include "app/settings.h"
#include "base/reporter.h"
#include "stages/curate/gates.h"

namespace faqsmith {

enum class WithModel { Yes, No };  // Yes: also the gates that ask the model

[[nodiscard]] std::vector<GateQuality> examine_gates(const Config& config, WithModel with_model, Reporter& reporter);

}  // namespace faqsmith
