// libzip compares the directory with the entries (a name may be there once only) and checks the sum of what is read.
// Sizes are the archive's own words until then, and no more than announced is taken.
#include "ingest/docx_package.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/strings.h"
#include "ingest/xml_events.h"

namespace faqsmith {
namespace {

constexpr zip_int64_t kMaxEntries = 10'000;
constexpr zip_uint64_t kMaxPart = zip_uint64_t{256} << 20;    // bytes of one entry, inflated
constexpr zip_uint64_t kMaxTotal = zip_uint64_t{1} << 30;     // bytes of all entries, inflated
constexpr zip_uint64_t kMaxRatio = 100;                       // inflated to stored
constexpr zip_uint64_t kRatioCounts = zip_uint64_t{1} << 20;  // bytes: a smaller part may be as empty as it likes

[[noreturn]] void refuse(std::string_view what) {
  throw Error(Kind::Input, fmt::format("the Word file is refused: {}", what),
              "open it in its program and save it again, or leave it out");
}

[[noreturn]] void refuse_entry(std::string_view name, std::string_view what) {
  refuse(fmt::format("its entry \"{}\" {}", name.substr(0, 80), what));
}

bool leaves_archive(std::string_view name) {
  if (name.empty() || name[0] == '/' || name.find('\\') != std::string_view::npos) return true;
  if (name.size() > 1 && name[1] == ':') return true;
  for (const std::string_view step : split(name, '/')) {
    if (step == "..") return true;
  }
  return false;
}

// target as the relationships of a part in folder name it.
std::string resolve(std::string_view folder, std::string_view target) {
  if (target.starts_with('/')) return std::string(target.substr(1));
  std::vector<std::string_view> steps;
  for (const std::string_view part : {folder, target}) {
    for (const std::string_view step : split(part, '/')) {
      if (step == "..") {
        if (!steps.empty()) steps.pop_back();
      } else if (!step.empty() && step != ".") {
        steps.push_back(step);
      }
    }
  }
  std::string out;
  for (const std::string_view step : steps) out += (out.empty() ? "" : "/") + std::string(step);
  return out;
}

class Relations : public XmlSink {
 public:
  explicit Relations(std::string_view folder) : folder_(folder) {}
  void start(std::string_view, std::string_view name, const XmlAttributes& attributes) override {
    if (name != "Relationship" || attributes.get("TargetMode") == "External") return;
    const std::string_view type = attributes.get("Type");
    found.try_emplace(std::string(type.substr(type.rfind('/') + 1)), resolve(folder_, attributes.get("Target")));
  }
  void end() override {}
  void characters(std::string_view) override {}
  std::map<std::string, std::string, std::less<>> found;

 private:
  std::string_view folder_;
};

zip_t* open_archive(std::string_view bytes) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* archive = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (archive != nullptr) return archive;
  zip_source_free(source);
  refuse(fmt::format("it is no whole zip archive ({})", why));
}

}  // namespace

void DocxPackage::Close::operator()(void* archive) const {
  zip_discard(static_cast<zip_t*>(archive));
}

DocxPackage::DocxPackage(std::string_view bytes) {
  constexpr std::string_view kCompoundFile = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
  if (bytes.starts_with(kCompoundFile)) {
    throw Error(Kind::Input, "the Word file is protected by a password, or of the kind before 2007",
                "save it as .docx without a password");
  }
  archive_.reset(open_archive(bytes));
  check_entries();
  const auto roots = relations_of("");
  const auto root = roots.find("officeDocument");
  document_ = root == roots.end() ? "word/document.xml" : root->second;
  if (zip_name_locate(static_cast<zip_t*>(archive_.get()), document_.c_str(), 0) < 0)
    refuse(fmt::format("it is a zip archive without a document ({} is missing)", document_.substr(0, 80)));
  related_ = relations_of(document_);
}

void DocxPackage::check_entries() const {
  auto* archive = static_cast<zip_t*>(archive_.get());
  const zip_int64_t n = zip_get_num_entries(archive, 0);
  if (n > kMaxEntries) refuse(fmt::format("it has {} entries, more than {}", n, kMaxEntries));
  zip_uint64_t total = 0, stored = 0;
  for (zip_int64_t i = 0; i < n; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &stat) != 0) refuse("its directory cannot be read");
    const std::string_view name = stat.name;
    if (leaves_archive(name)) refuse_entry(name, "has a name that leads out of it");
    if (stat.encryption_method != ZIP_EM_NONE) refuse_entry(name, "is protected by a password");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
      refuse_entry(name, "is compressed in a way that Word does not use");
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    zip_file_get_external_attributes(archive, static_cast<zip_uint64_t>(i), 0, &system, &attributes);
    if (system == ZIP_OPSYS_UNIX && S_ISLNK(attributes >> 16)) refuse_entry(name, "is a link");
    if (stat.size > kMaxPart) refuse_entry(name, fmt::format("inflates to more than {} MiB", kMaxPart >> 20));
    if (stat.size > kRatioCounts && stat.size / kMaxRatio >= stat.comp_size)
      refuse_entry(name, fmt::format("inflates more than {} times", kMaxRatio));
    total += stat.size;
    stored += stat.comp_size;
    if (total > kMaxTotal) refuse(fmt::format("it inflates to more than {} MiB", kMaxTotal >> 20));
  }
  if (total > kRatioCounts && total / kMaxRatio >= stored)
    refuse(fmt::format("it inflates more than {} times", kMaxRatio));
}

std::string DocxPackage::read(const std::string& part) const {
  auto* archive = static_cast<zip_t*>(archive_.get());
  zip_stat_t stat;
  if (zip_stat(archive, part.c_str(), 0, &stat) != 0) return {};
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(archive, stat.index, 0), zip_fclose);
  if (!file) refuse_entry(part, fmt::format("cannot be read ({})", zip_strerror(archive)));
  // Grows with what really comes: an announced size is no reason to take memory. One byte more shows what is too long.
  constexpr zip_uint64_t kStep = 1 << 20;
  std::string bytes;
  while (bytes.size() <= stat.size) {
    const std::size_t before = bytes.size();
    const zip_uint64_t step = std::min(kStep, stat.size - before + 1);
    bytes.resize(before + step);
    const zip_int64_t n = zip_fread(file.get(), bytes.data() + before, step);
    if (n < 0) refuse_entry(part, fmt::format("is damaged ({})", zip_file_strerror(file.get())));
    bytes.resize(before + static_cast<std::size_t>(n));
    if (n == 0) break;
  }
  if (bytes.size() != stat.size) refuse_entry(part, "is damaged (its size is not the one announced)");
  return bytes;
}

std::map<std::string, std::string, std::less<>> DocxPackage::relations_of(const std::string& part) const {
  const std::size_t slash = part.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : part.substr(0, slash + 1);
  const std::string name = folder + "_rels/" + part.substr(folder.size()) + ".rels";
  const std::string bytes = read(name);
  Relations relations(folder);
  if (!bytes.empty()) parse_xml(name, bytes, relations);
  return std::move(relations.found);
}

std::string DocxPackage::related(std::string_view role) const {
  const auto found = related_.find(role);
  return found == related_.end() ? std::string() : found->second;
}

}  // namespace faqsmith
