// What this machine offers: for `doctor`, --version and the forecast. Only looks, changes nothing.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sys/file.h"

namespace faqsmith {

struct EngineFacts {
  std::string cpu;     // model, instruction set, threads, precision
  std::string onednn;  // version
};
[[nodiscard]] EngineFacts engine_facts();

[[nodiscard]] std::uint64_t free_disk_bytes(const fs::path& folder);  // of the nearest folder that exists

enum class Health { Good, Note, Bad };
struct Finding {
  std::string what;  // "pdftotext"
  Health health = Health::Good;
  std::string state;   // what was found
  std::string remedy;  // empty if good
};
// model: what the setting says. A path is read as far as it goes without the weights.
[[nodiscard]] std::vector<Finding> examine_machine(const fs::path& workspace, const std::string& model);

}  // namespace faqsmith
