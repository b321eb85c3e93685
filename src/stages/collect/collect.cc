// The loop over files, and what one file does to the database.
#include "stages/collect/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/strings.h"
#include "ingest/reader.h"
#include "stages/collect/file_list.h"
#include "stages/collect/titles.h"
#include "store/tables.h"
#include "sys/interrupt.h"
#include "text/unicode.h"

namespace faqsmith {
namespace {

constexpr int kSemantics = 1;
constexpr std::string_view kDuplicates = "duplicate_sections";

struct Candidate {
  InputFile file;
  std::string sha256;
  std::string reason;  // why it cannot be read; empty: it can
};

std::string options_json(const CollectOptions& options, const TokenCounter& count_tokens) {
  // Section sizes are in the teacher's tokens: another tokenizer cuts differently, and this line tells.
  constexpr std::string_view kProbe =
      "The quick brown fox — 12,345 façades; naïve coöperation, <|x|> \xF0\x9F\xA6\x99.";
  nlohmann::json json = {{"max_section_tokens", options.cut.max_tokens},
                         {"min_section_tokens", options.cut.min_tokens},
                         {"max_file_bytes", options.max_file_bytes},
                         {"max_sections_per_source", options.max_sections_per_source},
                         {"tokens_of_probe", count_tokens(kProbe)}};
  return json_text(json);
}

std::string text_key(std::string_view text) {
  return sha256_hex(fold_case(collapse_space(text)));
}

std::string section_hash(const CutSection& section) {
  return sha256_hex(json_text(nlohmann::json{section.heading_path, section.text}));
}

class Collector {
 public:
  Collector(Workspace& workspace, const CollectOptions& options, const TokenCounter& count_tokens, Reporter& reporter)
      : db_(workspace.db()), options_(options), count_tokens_(count_tokens), reporter_(reporter) {
    options_json_ = options_json(options, count_tokens);
    cut_by_ = sha256_hex(fmt::format("{}:{}", kSemantics, options_json_)).substr(0, 16);
    find_candidates();
  }

  [[nodiscard]] StageIdentity identity() const {
    Sha256 hash;
    for (const Candidate& candidate : candidates_) {
      hash.update(json_text(nlohmann::json{candidate.file.name, candidate.sha256, candidate.reason}));
    }
    return {.stage = "collect",
            .semantics = kSemantics,
            .options_json = options_json_,
            .input_hash = hash.hex(),
            .seed = 0};
  }

  void run(StageReport& report);

 private:
  void find_candidates();
  std::optional<Candidate> examine(const InputFile& file) const;
  void remove_vanished();
  void load_known_texts();
  [[nodiscard]] bool is_unchanged(const Candidate& candidate);
  [[nodiscard]] bool has_duplicates(const Candidate& candidate);
  void take(const Candidate& candidate);
  SourceRow read(const Candidate& candidate, std::vector<CutSection>& sections);
  void store_sections(SourceRow& source, RowId id, const std::vector<CutSection>& sections);
  void finish(StageReport& report);

  Database& db_;
  const CollectOptions& options_;
  const TokenCounter& count_tokens_;
  Reporter& reporter_;
  std::string options_json_, cut_by_;
  std::vector<Candidate> candidates_;
  std::map<std::string, RowId> known_texts_;  // text_key of every live section -> its source
  std::int64_t n_other_ = 0, n_unchanged_ = 0, n_removed_ = 0;
};

void Collector::find_candidates() {
  const FileList list = list_files(options_.inputs);
  if (list.n_symlinks > 0) reporter_.note(fmt::format("{} symbolic links are not followed", list.n_symlinks));
  for (const InputFile& file : list.files) {
    stop_if_interrupted();
    if (auto candidate = examine(file)) {
      candidates_.push_back(std::move(*candidate));
    } else {
      ++n_other_;
    }
  }
  if (candidates_.empty()) {
    std::vector<std::string> names;
    for (const fs::path& input : options_.inputs) names.push_back(input.string());
    throw Error(Kind::User, fmt::format("no document found in {}", join(names, ", ")),
                "faqsmith reads Markdown, HTML, reStructuredText, Word, plain text and PDF files");
  }
}

// Nothing: a file of no readable format.
std::optional<Candidate> Collector::examine(const InputFile& file) const {
  Candidate candidate{.file = file, .sha256 = "", .reason = ""};
  std::error_code code;
  const std::uintmax_t size = fs::file_size(file.path, code);
  if (code || size > options_.max_file_bytes) {
    if (!detect_format(file.path, "")) return std::nullopt;
    candidate.reason = code ? "cannot be read: " + code.message()
                            : fmt::format("has {}, more than the limit of {}", human_bytes(static_cast<double>(size)),
                                          human_bytes(static_cast<double>(options_.max_file_bytes)));
    return candidate;
  }
  try {
    const std::string bytes = read_file(file.path, options_.max_file_bytes);
    if (!detect_format(file.path, bytes)) return std::nullopt;
    candidate.sha256 = sha256_hex(bytes);
  } catch (const Error& e) {
    if (!detect_format(file.path, "")) return std::nullopt;
    candidate.reason = e.what();
  }
  return candidate;
}

void Collector::remove_vanished() {
  std::set<std::string> names;
  for (const Candidate& candidate : candidates_) names.insert(candidate.file.name);
  for (SourceRow& source : list_sources(db_)) {
    if (names.contains(source.path) || source.state == "removed") continue;
    source.state = "removed";
    source.reason = "no longer among the documents";
    db_.transaction([&] {
      put_source(db_, source);
      mark_sections_stale(db_, source.id);
    });
    ++n_removed_;
  }
}

void Collector::load_known_texts() {
  for (const SectionRow& section : list_sections(db_)) known_texts_.emplace(text_key(section.text), section.source_id);
}

// The same bytes, cut in the same way.
bool Collector::is_unchanged(const Candidate& candidate) {
  const std::optional<SourceRow> old = find_source(db_, candidate.file.name);
  if (!old || old->state == "removed" || old->sha256 != candidate.sha256 || old->cut_by != cut_by_) return false;
  return candidate.reason.empty() || old->reason == candidate.reason;
}

// A section left out as a duplicate must come in when its original goes: only reading again tells.
bool Collector::has_duplicates(const Candidate& candidate) {
  const std::optional<SourceRow> old = find_source(db_, candidate.file.name);
  return old && parse_json(old->dropped).contains(std::string(kDuplicates));
}

void Collector::run(StageReport& report) {
  remove_vanished();
  load_known_texts();
  // New and changed files first: what they lose may be the original of another file's duplicates.
  std::vector<const Candidate*> order;
  for (const Candidate& candidate : candidates_) order.push_back(&candidate);
  std::stable_partition(order.begin(), order.end(),
                        [&](const Candidate* candidate) { return !is_unchanged(*candidate); });
  reporter_.begin("collect documents", static_cast<std::int64_t>(order.size()), "files");
  std::int64_t done = 0;
  for (const Candidate* candidate : order) {
    stop_if_interrupted();
    reporter_.update(done++, candidate->file.name);
    if (is_unchanged(*candidate) && !has_duplicates(*candidate)) {
      ++n_unchanged_;
    } else {
      take(*candidate);
    }
  }
  finish(report);
}

void Collector::take(const Candidate& candidate) {
  std::vector<CutSection> sections;
  SourceRow source = read(candidate, sections);
  db_.transaction([&] {
    const RowId id = put_source(db_, source);
    mark_sections_stale(db_, id);
    std::erase_if(known_texts_, [&](const auto& known) { return known.second == id; });
    store_sections(source, id, sections);
    put_source(db_, source);
  });
  if (source.state == "rejected") {
    log(LogLevel::Warning, fmt::format("{}: {}", source.path, source.reason));
    reporter_.warn(fmt::format("{} is left out: {}", source.path, source.reason));
  }
}

SourceRow Collector::read(const Candidate& candidate, std::vector<CutSection>& sections) {
  SourceRow source;
  source.path = candidate.file.name;
  source.sha256 = candidate.sha256;
  source.cut_by = cut_by_;
  source.state = "rejected";
  source.reason = candidate.reason;
  const auto guess = detect_format(candidate.file.path, "");
  source.format = guess ? format_name(*guess) : "";
  if (!candidate.reason.empty()) return source;
  try {
    const std::string bytes = read_file(candidate.file.path, options_.max_file_bytes);
    source.sha256 = sha256_hex(bytes);  // of what is read now: the file may have changed since it was listed
    const auto format = detect_format(candidate.file.path, bytes);
    if (!format) throw Error(Kind::Input, "its bytes are of no known format", "check the file");
    source.format = format_name(*format);
    const Document document = read_document(candidate.file.path, bytes, *format);
    source.title = display_title(document, candidate.file.name);
    source.language = document.language;
    source.dropped = json_text(nlohmann::json(document.dropped));
    source.state = document.partial_reason.empty() ? "ok" : "partial";
    source.reason = document.partial_reason;
    sections = cut_sections(document, options_.cut, count_tokens_);
    for (CutSection& section : sections) name_document(section.heading_path, source.title);
  } catch (const Error& e) {
    source.reason = e.what();
    sections.clear();
  }
  return source;
}

void Collector::store_sections(SourceRow& source, RowId id, const std::vector<CutSection>& sections) {
  std::int64_t n_duplicates = 0, ordinal = 0;
  for (const CutSection& section : sections) {
    if (ordinal >= options_.max_sections_per_source) {
      source.state = "partial";
      source.reason = fmt::format("only its first {} sections are used", options_.max_sections_per_source);
      break;
    }
    if (!known_texts_.emplace(text_key(section.text), id).second) {
      ++n_duplicates;
      continue;
    }
    SectionRow row;
    row.source_id = id;
    row.ordinal = ordinal++;
    row.heading_path = section.heading_path;
    row.text = section.text;
    if (section.page > 0) row.page = section.page;
    row.begin_byte = section.begin_byte;
    row.end_byte = section.end_byte;
    row.n_tokens = section.n_tokens;
    row.hash = section_hash(section);
    add_section(db_, row);
  }
  if (n_duplicates == 0) return;
  nlohmann::json dropped = parse_json(source.dropped);
  dropped[std::string(kDuplicates)] = n_duplicates;
  source.dropped = json_text(dropped);
}

void Collector::finish(StageReport& report) {
  std::map<std::string, double>& counts = report.counts;
  counts = {{"files", static_cast<double>(candidates_.size())},
            {"unchanged", static_cast<double>(n_unchanged_)},
            {"removed", static_cast<double>(n_removed_)},
            {"other_files", static_cast<double>(n_other_)},
            {"ok", 0},
            {"partial", 0},
            {"rejected", 0},
            {"sections", 0},
            {"section_tokens", 0}};
  for (const SourceRow& source : list_sources(db_)) {
    if (source.state == "removed") continue;
    ++counts[source.state];
    const nlohmann::json dropped = parse_json(source.dropped);
    for (const auto& [name, n] : dropped.items()) {
      counts[name == kDuplicates ? name : "dropped_" + name] += n.get<double>();
    }
  }
  for (const SectionRow& section : list_sections(db_)) {
    ++counts["sections"];
    counts["section_tokens"] += static_cast<double>(section.n_tokens);
  }
  reporter_.end(fmt::format("{} documents, {} sections", counts["ok"] + counts["partial"], counts["sections"]));
  if (counts["ok"] + counts["partial"] == 0) {
    throw Error(Kind::Input, "not one of the documents could be read",
                "the reasons are shown above and by: faqsmith status");
  }
}

}  // namespace

StageReport collect(Workspace& workspace, const CollectOptions& options, const TokenCounter& count_tokens,
                    Reporter& reporter) {
  Collector collector(workspace, options, count_tokens, reporter);
  return run_stage(workspace, collector.identity(), [&](StageReport& report) { collector.run(report); });
}

}  // namespace faqsmith
