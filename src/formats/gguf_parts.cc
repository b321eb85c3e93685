// Names give the parts, the parts' own numbers must agree with their names.
#include "formats/gguf_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/error.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kMaxParts = 500;  // each is a mapped file; the largest published models have fewer than 200

[[noreturn]] void refuse(const fs::path& file, const std::string& reason) {
  throw Error(Kind::Input, fmt::format("{}: {}", file.string(), reason),
              "download all parts of the model again into one folder, under their own names");
}

struct PartName {
  std::string prefix;  // "model"
  std::int64_t number = 0, count = 0;
};

std::optional<std::int64_t> five_digits(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.size() != 5 || error != std::errc() || end != text.data() + text.size() || value < 1) return std::nullopt;
  return value;
}

// "<prefix>-00001-of-00003.gguf"
std::optional<PartName> parse_part_name(const std::string& name) {
  constexpr std::string_view kTail = "-00001-of-00003.gguf";
  if (name.size() <= kTail.size()) return std::nullopt;
  const std::string_view tail = std::string_view(name).substr(name.size() - kTail.size());
  const auto number = five_digits(tail.substr(1, 5)), count = five_digits(tail.substr(10, 5));
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf" || !number || !count)
    return std::nullopt;
  return PartName{name.substr(0, name.size() - kTail.size()), *number, *count};
}

fs::path part_path(const fs::path& any, const PartName& name, std::int64_t number) {
  return any.parent_path() / fmt::format("{}-{:05}-of-{:05}.gguf", name.prefix, number, name.count);
}

void check_part(const GgufFile& file, std::int64_t number, std::int64_t count) {
  const std::int64_t says_count = file.integer("split.count"), says_number = file.integer("split.no");
  if (says_count != count)
    refuse(file.file(), fmt::format("it says that it is one of {} parts, its name says {}", says_count, count));
  if (says_number != number - 1 || number > count)
    refuse(file.file(), fmt::format("it says that it is part {}, its name says {}", says_number + 1, number));
}

}  // namespace

GgufParts::GgufParts(const fs::path& path) {
  open_parts(path);
  list_tensors();
}

void GgufParts::open_parts(const fs::path& path) {
  auto opened = std::make_unique<GgufFile>(path);
  const std::int64_t count = opened->find_integer("split.count").value_or(1);
  if (count <= 1) {  // also a part's name that someone gave to a whole file
    files_.push_back(std::move(opened));
    return;
  }
  if (count > kMaxParts) refuse(path, fmt::format("{} parts are more than the {} that are read", count, kMaxParts));
  const auto name = parse_part_name(path.filename().string());
  if (!name)
    refuse(path, fmt::format("it is one of {} parts, but its name does not end in -00001-of-{:05}.gguf", count, count));
  check_part(*opened, name->number, name->count);
  std::error_code error;
  for (std::int64_t number = 1; number <= count; ++number) {
    const fs::path part = part_path(path, *name, number);
    if (!fs::exists(part, error)) refuse(part, fmt::format("this part of {} is missing", path.string()));
  }
  for (std::int64_t number = 1; number <= count; ++number) {
    auto file = number == name->number ? std::move(opened) : std::make_unique<GgufFile>(part_path(path, *name, number));
    check_part(*file, number, count);
    files_.push_back(std::move(file));
  }
}

void GgufParts::list_tensors() {
  for (const auto& file : files_) {
    for (const GgufTensor& tensor : file->header().tensors) {
      if (!index_.emplace(tensor.name, tensors_.size()).second)
        refuse(file->file(), fmt::format("tensor \"{}\" is in another part too", tensor.name));
      tensors_.push_back({file.get(), &tensor});
    }
  }
  const auto said = first().find_integer("split.tensors.count");
  if (said && static_cast<std::uint64_t>(*said) != tensors_.size()) {
    refuse(first().file(),
           fmt::format("metadata \"split.tensors.count\" is {}, but there are {} tensors", *said, tensors_.size()));
  }
}

GgufParts::Found GgufParts::find_tensor(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? Found{} : tensors_[found->second];
}

std::uint64_t GgufParts::n_bytes() const {
  std::uint64_t n = 0;
  for (const auto& file : files_) n += file->bytes().size();
  return n;
}

}  // namespace faqsmith
