// The gates search in a database; it lives in a folder of its own that goes away.
#include "app/gates.h"

#include <cstdlib>

#include "app/shelf.h"
#include "app/stage_options.h"
#include "base/error.h"

namespace faqsmith {
namespace {

class ScratchFolder {
 public:
  ScratchFolder() : path_((fs::temp_directory_path() / "faqsmith-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
      throw Error(Kind::Io, "cannot make a temporary folder like " + path_,
                  "set TMPDIR to a folder that you may write to");
    }
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] fs::path path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

std::vector<GateQuality> examine_gates(const Config& config, WithModel with_model, Reporter& reporter) {
  const ScratchFolder folder;
  Database scratch(folder.path() / "gates.db");
  const CurateOptions options = curate_options(config);
  if (with_model == WithModel::No) return measure_gates(shipped_probes(), options, nullptr, scratch);
  ModelShelf models(config, reporter);
  return measure_gates(shipped_probes(), options, &models.base(), scratch);
}

}  // namespace faqsmith
