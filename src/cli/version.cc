// The only file that is compiled again when the commit changes.
#include "cli/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/doctor.h"
#include "base/json_text.h"
#include "cli/commit.h"
#include "cli/output.h"

namespace faqsmith {

std::string version_line() {
  return fmt::format("{} ({}, {})", FAQSMITH_VERSION, FAQSMITH_COMMIT, FAQSMITH_BUILD_TYPE);
}

void print_version(bool json) {
  const EngineFacts engine = engine_facts();
  if (json) {
    const nlohmann::ordered_json out = {{"version", FAQSMITH_VERSION},
                                        {"commit", FAQSMITH_COMMIT},
                                        {"build", FAQSMITH_BUILD_TYPE},
                                        {"cpu", engine.cpu},
                                        {"onednn", engine.onednn}};
    print_line(json_text(out));
    return;
  }
  print_line("faqsmith " + version_line());
  print_line("cpu:    " + engine.cpu);
  print_line("oneDNN: " + engine.onednn);
}

}  // namespace faqsmith
