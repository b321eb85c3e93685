// The header is small JSON: parsed with a callback that refuses duplicates and depth, then checked as a whole.
#include "formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/checked.h"
#include "base/error.h"
#include "base/json_text.h"
#include "formats/untrusted_json.h"
#include "sys/parallel.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kMaxRank = 8;                     // more than any model uses; bounds the work per tensor

constexpr const char* kDamaged = "the file is damaged or no safetensors file: download or export it again";

[[noreturn]] void refuse(const std::string& file, const std::string& reason) {
  throw Error(Kind::Input, fmt::format("{}: {}", file, reason), kDamaged);
}

std::uint64_t element_bytes(std::string_view dtype) {  // 0 if unknown
  constexpr std::pair<std::string_view, std::uint64_t> kTypes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
      {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8}, {"U64", 8},
  };
  for (const auto& [name, bytes] : kTypes) {
    if (name == dtype) return bytes;
  }
  return 0;
}

// Depth 1: tensor names; depth 2: their fields; arrays inside have depth 3. Anything deeper is no safetensors header.
json parse_header(std::string_view text, const std::string& file) {
  return parse_untrusted_json(text, {.place = file + ": its header", .hint = kDamaged, .max_depth = 3});
}

std::uint64_t unsigned_number(const json& value, const std::string& file, const std::string& name) {
  if (!value.is_number_unsigned()) refuse(file, fmt::format("tensor \"{}\" has a size that is no whole number", name));
  return value.get<std::uint64_t>();
}

SafeTensor read_entry(const std::string& name, const json& entry, const std::string& file) {
  const auto bad = [&](const std::string& reason) { refuse(file, fmt::format("tensor \"{}\" {}", name, reason)); };
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    bad("has other fields than dtype, shape and data_offsets");
  }
  const json &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
  if (!dtype.is_string() || !shape.is_array() || !offsets.is_array() || offsets.size() != 2)
    bad("has fields of wrong types");
  SafeTensor tensor;
  tensor.name = name;
  tensor.dtype = dtype.get<std::string>();
  const std::uint64_t bytes_each = element_bytes(tensor.dtype);
  if (bytes_each == 0) bad(fmt::format("has the unknown type \"{}\"", tensor.dtype));
  if (shape.size() > kMaxRank) bad(fmt::format("has {} dimensions, at most {} are read", shape.size(), kMaxRank));
  std::uint64_t n = 1;
  for (const json& dim : shape) {
    const std::uint64_t size = unsigned_number(dim, file, name);
    const auto product = checked_mul(n, size);
    if (!product || *product > static_cast<std::uint64_t>(INT64_MAX) || size > static_cast<std::uint64_t>(INT64_MAX)) {
      bad("has an impossible shape");
    }
    n = *product;
    tensor.shape.push_back(static_cast<std::int64_t>(size));
  }
  tensor.n_elements = static_cast<std::int64_t>(n);
  const std::uint64_t begin = unsigned_number(offsets[0], file, name), end = unsigned_number(offsets[1], file, name);
  const auto bytes = checked_mul(n, bytes_each);
  if (end < begin || !bytes || *bytes != end - begin) {
    bad(fmt::format("has data_offsets [{}, {}], which do not fit its shape and type", begin, end));
  }
  tensor.offset = begin;
  tensor.n_bytes = end - begin;
  return tensor;
}

void read_metadata(const json& value, const std::string& file, SafetensorsHeader& header) {
  if (!value.is_object()) refuse(file, "__metadata__ is no map");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) refuse(file, fmt::format("__metadata__ \"{}\" is no text", key));
    header.metadata.emplace(key, text.get<std::string>());
  }
}

// By offset, back to back from the first byte of the data to the last: no overlap, no hole.
void place_tensors(std::uint64_t data_begin, std::uint64_t file_bytes, const std::string& file,
                   SafetensorsHeader& header) {
  auto& tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const SafeTensor& a, const SafeTensor& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.n_bytes < b.n_bytes;
  });
  std::uint64_t expected = 0;
  for (SafeTensor& tensor : tensors) {
    if (tensor.offset != expected) {
      refuse(file, fmt::format("tensor \"{}\" begins at {} of the data where {} is expected: overlap or hole",
                               tensor.name, tensor.offset, expected));
    }
    expected += tensor.n_bytes;  // cannot wrap: it is data_offsets[1]
    if (expected > file_bytes - data_begin) {
      refuse(file, fmt::format("tensor \"{}\" ends after the file's {} bytes", tensor.name, file_bytes));
    }
    tensor.offset += data_begin;
  }
  if (expected != file_bytes - data_begin) {
    refuse(file, fmt::format("{} bytes follow the last tensor", file_bytes - data_begin - expected));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& file) {
  static_assert(std::endian::native == std::endian::little,
                "safetensors are read in place: little-endian machines only");
  std::uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) refuse(file, fmt::format("{} bytes are too few for a header", bytes.size()));
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes) {
    refuse(file, fmt::format("a header of {} bytes is more than the {} allowed", header_bytes, kMaxHeaderBytes));
  }
  if (header_bytes > bytes.size() - sizeof header_bytes) {
    refuse(file, fmt::format("a header of {} bytes is longer than the file", header_bytes));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + sizeof header_bytes,
                              static_cast<std::size_t>(header_bytes));
  if (text.empty() || text.front() != '{') refuse(file, "its header does not begin with '{'");
  const json parsed = parse_header(text, file);
  SafetensorsHeader header;
  for (const auto& [name, entry] : parsed.items()) {
    if (name == "__metadata__") {
      read_metadata(entry, file, header);
    } else {
      header.tensors.push_back(read_entry(name, entry, file));
    }
  }
  place_tensors(sizeof header_bytes + header_bytes, bytes.size(), file, header);
  return header;
}

SafetensorsFile::SafetensorsFile(const fs::path& path)
    : file_(path.string()), map_(path), header_(parse_safetensors(map_.bytes(), file_)) {}

const SafeTensor* SafetensorsFile::find_tensor(std::string_view name) const {
  const auto found =
      std::find_if(header_.tensors.begin(), header_.tensors.end(), [&](const SafeTensor& t) { return t.name == name; });
  return found == header_.tensors.end() ? nullptr : &*found;
}

std::optional<GgmlType> SafetensorsFile::float_type(const SafeTensor& tensor) {
  if (tensor.dtype == "F32") return GgmlType::F32;
  if (tensor.dtype == "F16") return GgmlType::F16;
  if (tensor.dtype == "BF16") return GgmlType::BF16;
  return std::nullopt;
}

void SafetensorsFile::read_floats(const SafeTensor& tensor, float* out) const {
  const auto type = float_type(tensor);
  if (!type) {
    throw Error(Kind::Input, fmt::format("{}: not supported yet: {} (tensor \"{}\")", file_, tensor.dtype, tensor.name),
                "save it as F32, F16 or BF16");
  }
  const std::span<const std::byte> bytes = data(tensor);
  const std::size_t bytes_each = *type == GgmlType::F32 ? 4 : 2;
  constexpr std::int64_t kPiece = std::int64_t{1} << 16;  // elements: below that, one thread is faster
  std::atomic<std::int64_t> first_bad = tensor.n_elements;
  parallel_for((tensor.n_elements + kPiece - 1) / kPiece, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t begin = first * kPiece, end = std::min(last * kPiece, tensor.n_elements);
    dequantize(
        *type,
        bytes.subspan(static_cast<std::size_t>(begin) * bytes_each, static_cast<std::size_t>(end - begin) * bytes_each),
        out + begin, end - begin);
    const std::int64_t bad = std::find_if(out + begin, out + end, [](float x) { return !std::isfinite(x); }) - out;
    std::int64_t seen = first_bad.load();
    while (bad < end && bad < seen && !first_bad.compare_exchange_weak(seen, bad)) {
    }
  });
  if (first_bad.load() < tensor.n_elements) {
    throw Error(
        Kind::Input,
        fmt::format("{}: tensor \"{}\" is not a finite number at index {}", file_, tensor.name, first_bad.load()),
        "the file is damaged or the training diverged: use another one");
  }
}

std::span<const std::byte> SafetensorsFile::data(const SafeTensor& tensor) const {
  map_.revalidate();
  return map_.bytes().subspan(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.n_bytes));
}

namespace {

const char* dtype_name(SafeFloat type) {
  return type == SafeFloat::F32 ? "F32" : type == SafeFloat::F16 ? "F16" : "BF16";
}

}  // namespace

std::uint64_t bytes_of(SafeFloat type) {
  return type == SafeFloat::F32 ? 4 : 2;
}

void SafetensorsWriter::add_tensor(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::uint64_t n = 1;
  for (const std::int64_t dim : shape) n *= static_cast<std::uint64_t>(dim);
  tensors_.push_back({name, shape, n});
  n_bytes_ += n * bytes_of(type_);
}

void SafetensorsWriter::begin(const fs::path& path, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const Declared& tensor : tensors_) {
    require(!header.contains(tensor.name), "a tensor name is written once");
    const std::uint64_t end = offset + tensor.n_values * bytes_of(type_);
    header[tensor.name] = {{"dtype", dtype_name(type_)}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.empty() ? "{}" : json_text(header);
  text.append((8 - text.size() % 8) % 8, ' ');  // data is aligned for readers that map it
  const std::uint64_t length = text.size();
  out_.emplace(path);
  out_->write(&length, sizeof length);
  out_->write(text);
}

void SafetensorsWriter::write_values(std::span<const float> values) {
  // A tensor without values is passed over.
  while (n_written_ < tensors_.size() && n_values_ == tensors_[n_written_].n_values) {
    ++n_written_;
    n_values_ = 0;
  }
  if (values.empty()) return;
  require(out_ && n_written_ < tensors_.size(), "values follow begin(), for each tensor once");
  const Declared& tensor = tensors_[n_written_];
  n_values_ += values.size();
  require(n_values_ <= tensor.n_values, "a tensor is written with as many values as declared");
  if (type_ == SafeFloat::F32) return out_->write(values.data(), values.size_bytes());
  constexpr std::size_t kPiece = std::size_t{1} << 16;  // elements converted at a time
  for (std::size_t begin = 0; begin < values.size(); begin += kPiece) {
    const auto piece = values.subspan(begin, std::min(kPiece, values.size() - begin));
    const auto halves = type_ == SafeFloat::F16 ? to_halves(piece, tensor.name) : to_bf16s(piece, tensor.name);
    out_->write(halves.data(), halves.size() * sizeof(std::uint16_t));
  }
}

void SafetensorsWriter::finish() {
  write_values({});
  require(out_ && n_written_ == tensors_.size(), "every declared tensor is written before finish()");
  out_->commit();
  out_.reset();
}

void write_safetensors(const fs::path& path, const std::vector<SafeTensorToWrite>& tensors, SafeFloat type,
                       const std::map<std::string, std::string>& metadata) {
  SafetensorsWriter out(type);
  for (const SafeTensorToWrite& tensor : tensors) out.add_tensor(tensor.name, tensor.shape);
  out.begin(path, metadata);
  for (const SafeTensorToWrite& tensor : tensors) out.write_values(tensor.values);
  out.finish();
}

}  // namespace faqsmith
