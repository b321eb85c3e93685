// Import and export of rows. Not resumable stages: each is one transaction or one atomic file.
#include "stages/import/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "faq/pair_key.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr std::array<std::string_view, 7> kParts = {"train",   "validation", "reworded", "unseen",
                                                    "refusal", "gold",       "all"};

PairRow pair_of(const DataRow& row) {
  PairRow pair;
  // The answer belongs to the key: two rows may answer one question differently, and both came from the user.
  pair.imported = write_row(row, DataFormat::Messages);
  const bool longer = row.turns.size() > 2;
  pair.key = pair_key(longer ? pair.imported : row.answer(), "imported", row.question());
  pair.question = row.question();
  pair.answer = row.answer();
  pair.form = "imported";
  return pair;
}

// An imported pair comes back as the user wrote it: with its system turn, later turns and other fields.
DataRow row_of(const PairRow& pair, const std::string& system) {
  DataRow row;
  if (pair.imported.empty()) {
    row.turns = {{Role::User, pair.question}, {Role::Assistant, pair.answer}};
  } else {
    row = read_data(pair.imported, fmt::format("pair {}", pair.id)).at(0);
  }
  if (!system.empty()) row.system = system;
  return row;
}

void check_parts(const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (std::find(kParts.begin(), kParts.end(), part) != kParts.end()) continue;
    const std::vector<std::string> known(kParts.begin(), kParts.end());
    const std::string near = did_you_mean(part, known);
    throw Error(Kind::User, fmt::format("'{}' is no part of the split", part),
                near.empty() ? "choose from " + join(known, ", ") : fmt::format("did you mean '{}'?", near));
  }
}

bool wanted(const PairRow& pair, const std::vector<std::string>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&pair](const std::string& part) {
    return part == "all" ? pair.verdict == "kept" || pair.part == "gold" : pair.part == part;
  });
}

}  // namespace

StageReport import_data(Workspace& workspace, const ImportOptions& options, Reporter& reporter) {
  const std::vector<DataRow> rows = read_data(read_file(options.file), options.file.string());
  if (rows.empty())
    throw Error(Kind::Input, fmt::format("{} holds no rows", options.file.string()), "write one JSON object a line");
  StageReport report{.stage = "import", .key = "", .up_to_date = false, .counts = {}};
  for (const char* name : {"rows", "added", "known", "longer conversations"}) report.counts[name] = 0;
  Database& db = workspace.db();
  std::map<std::string, PairRow> known;
  for (const PairRow& pair : list_pairs(db)) known[pair.key] = pair;
  db.transaction([&] {
    for (const DataRow& row : rows) {
      PairRow pair = pair_of(row);
      const bool there = known.contains(pair.key);
      const RowId id = add_pair(db, pair);
      if (options.as == ImportAs::Gold) set_pair_part(db, id, "gold");
      report.counts["rows"] += 1;
      report.counts[there ? "known" : "added"] += 1;
      report.counts["longer conversations"] += row.turns.size() > 2;
      known.emplace(pair.key, pair);
    }
  });
  const double longer = report.counts["longer conversations"];
  if (longer > 0)
    reporter.warn(fmt::format(
        "{} rows are longer conversations: their first question and answer train, all of it is kept", longer));
  return report;
}

StageReport export_data(Workspace& workspace, const DataExportOptions& options) {
  check_parts(options.parts);
  StageReport report{.stage = "export data", .key = "", .up_to_date = false, .counts = {}};
  AtomicFile file(options.file);
  double rows = 0;
  for (const PairRow& pair : list_pairs(workspace.db())) {
    if (!wanted(pair, options.parts)) continue;
    file.write(write_row(row_of(pair, options.system), options.format) + "\n");
    rows += 1;
  }
  if (rows == 0)
    throw Error(Kind::User, fmt::format("no pair is in {}", join(options.parts, ", ")),
                "run the stages up to split first, or pass --part all");
  file.commit();
  report.counts["rows"] = rows;
  return report;
}

}  // namespace faqsmith
