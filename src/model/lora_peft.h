// Names in PEFT's adapter folder, for its reader and its writer. Private to model/.
#pragma once
#include <string>

#include "model/weights.h"

namespace faqsmith {

inline constexpr const char* kPeftTensorFile = "adapter_model.safetensors";

[[nodiscard]] std::string peft_matrix_name(std::int64_t layer, Linear linear, char matrix);  // 'A' or 'B'
[[nodiscard]] std::string peft_magnitude_name(std::int64_t layer, Linear linear);

}  // namespace faqsmith
