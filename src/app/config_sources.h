// Where settings come from: faqsmith.yaml (yaml-cpp), FAQSMITH_* variables; and the commented file that `init` writes.
#pragma once
#include <string>
#include <vector>

#include "app/settings.h"
#include "sys/file.h"

namespace faqsmith {

// Throws Error(User) with file, line and key for anything the table does not allow; Error(Io) if the file cannot be
// read.
void read_settings_file(const fs::path& path, Config& config);
// Reads FAQSMITH_<KEY> of every setting. Returns a warning for each FAQSMITH_* name that is nobody's.
[[nodiscard]] std::vector<std::string> read_environment(Config& config);
// A faqsmith.yaml in which every setting is explained and commented out, but for those that config has from flags:
// these are written as set.
[[nodiscard]] std::string commented_settings_file(const Config& config);

}  // namespace faqsmith
