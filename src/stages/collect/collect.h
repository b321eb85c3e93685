// Stage 1: documents become sources and sections. One transaction a file, so that a stopped run goes on where it was; a
// broken file is a row with its reason and other work goes on. Unchanged files are not read again; of a changed or
// vanished file the old sections go stale, and come back with their facts if their text does.
#pragma once
#include "base/reporter.h"
#include "stages/collect/sections.h"
#include "stages/stage.h"

namespace faqsmith {

struct CollectOptions {
  std::vector<fs::path> inputs;  // files and folders
  CutOptions cut;
  std::size_t max_file_bytes = std::size_t{64} << 20;  // a larger file is rejected
  int max_sections_per_source = 2000;                  // one file does not flood the set: the rest is left out and said
};

// Counts of the report: files, ok, partial, rejected, unchanged, removed, other_files (of no readable format),
// sections, section_tokens, duplicate_sections, and what readers dropped, summed ("dropped_hidden", …). Throws
// Error(User) if the inputs hold no document at all, Error(Input) if not one of them could be read.
[[nodiscard]] StageReport collect(Workspace& workspace, const CollectOptions& options, const TokenCounter& count_tokens,
                                  Reporter& reporter);

}  // namespace faqsmith
