// A user's own rows in and out. Imported pairs train, or are held-out gold that measures and never trains.
// Formats and errors: faq/data_formats.h.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "faq/data_formats.h"
#include "stages/stage.h"
#include "sys/file.h"

namespace faqsmith {

enum class ImportAs { Training, Gold };

struct ImportOptions {
  fs::path file;
  ImportAs as = ImportAs::Training;
};
// All rows of a file or none. A pair that is already there is not added again; importing it as Gold turns it into gold.
// Counts: rows, added, known, "longer conversations" (their first question and answer train; the whole row is kept for
// export).
[[nodiscard]] StageReport import_data(Workspace& workspace, const ImportOptions& options, Reporter& reporter);

struct DataExportOptions {
  fs::path file;
  DataFormat format = DataFormat::Faq;
  std::vector<std::string> parts = {"train"};  // parts of the split; "all": every kept pair
  std::string system;                          // a system turn for every row; empty: none
};
// Writes the file whole or not at all. Counts: rows. Throws Error(User) for an unknown part or if there is nothing to
// write.
[[nodiscard]] StageReport export_data(Workspace& workspace, const DataExportOptions& options);

}  // namespace faqsmith
