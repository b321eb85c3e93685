// Parsing of a GGUF header: one cursor that never steps past the end, and checks that the parts fit together.
#include "formats/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"

namespace faqsmith {
namespace {

constexpr std::uint64_t kMaxKeyBytes = 65535;                     // by the specification
constexpr std::uint64_t kMaxNameBytes = 64;                       // by the specification
constexpr std::uint64_t kMaxAlignment = 65536;                    // no published file has more than 4096
constexpr std::uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;           // key length, key, type, value
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;  // name length, name, n_dims, one dim, type, offset

// Metadata value types, by number.
enum ValueType : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64, kNValueTypes };
constexpr std::array<std::uint64_t, kNValueTypes> kMinValueBytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

// Reads forward over the file's bytes; every read says what it is for, so that errors can name the place.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}
  [[nodiscard]] std::uint64_t position() const { return at_; }
  [[nodiscard]] std::uint64_t remaining() const { return bytes_.size() - at_; }

  [[noreturn]] void fail(std::string_view place, std::string_view reason) const {
    throw Error(Kind::Input, fmt::format("{}: {} at byte {}: {}", file_, place, at_, reason),
                "the file is damaged or no GGUF file: download or export it again");
  }
  void need(std::uint64_t n, std::string_view place) const {
    if (n > remaining()) fail(place, fmt::format("{} bytes are needed, {} remain", n, remaining()));
  }
  // Refuses a count before anything is allocated for it.
  void need_items(std::uint64_t count, std::uint64_t min_bytes_each, std::string_view place) const {
    const auto bytes = checked_mul(count, min_bytes_each);
    if (!bytes || *bytes > remaining()) {
      fail(place, fmt::format("a count of {} cannot fit into the {} bytes that remain", count, remaining()));
    }
  }
  template <class T>
  [[nodiscard]] T read(std::string_view place) {
    need(sizeof(T), place);
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  [[nodiscard]] std::string string(std::string_view place, std::uint64_t max_bytes = UINT64_MAX) {
    const auto n = read<std::uint64_t>(place);
    if (n > max_bytes) fail(place, fmt::format("a length of {} is more than the {} allowed", n, max_bytes));
    need(n, place);
    std::string text(reinterpret_cast<const char*>(bytes_.data() + at_), static_cast<std::size_t>(n));
    at_ += n;
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::uint64_t at_ = 0;
};

bool read_bool(Cursor& in, std::string_view place) {
  const auto v = in.read<std::uint8_t>(place);
  if (v > 1) in.fail(place, fmt::format("{} is no boolean", v));
  return v == 1;
}

std::int64_t read_integer(Cursor& in, std::uint32_t type, std::string_view place) {
  switch (type) {
    case U8:
      return in.read<std::uint8_t>(place);
    case I8:
      return in.read<std::int8_t>(place);
    case U16:
      return in.read<std::uint16_t>(place);
    case I16:
      return in.read<std::int16_t>(place);
    case U32:
      return in.read<std::uint32_t>(place);
    case I32:
      return in.read<std::int32_t>(place);
    default:
      return in.read<std::int64_t>(place);
  }
}

double read_real(Cursor& in, std::uint32_t type, std::string_view place) {
  return type == F32 ? static_cast<double>(in.read<float>(place)) : in.read<double>(place);
}

void check_value_type(Cursor& in, std::uint32_t type, std::string_view place) {
  if (type >= kNValueTypes) in.fail(place, fmt::format("value type {} is unknown", type));
}

GgufValue read_array(Cursor& in, std::string_view place) {
  const auto type = in.read<std::uint32_t>(place);
  check_value_type(in, type, place);
  if (type == Array) in.fail(place, "nested arrays are not accepted");
  const auto count = in.read<std::uint64_t>(place);
  in.need_items(count, kMinValueBytes[type], place);
  const auto fill = [&](auto items, auto read_one) -> GgufValue {
    items.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) items.push_back(read_one());
    return items;
  };
  if (type == String) return fill(GgufStrings(), [&] { return in.string(place); });
  if (type == Bool) return fill(GgufBools(), [&] { return read_bool(in, place); });
  if (type == F32 || type == F64) return fill(GgufReals(), [&] { return read_real(in, type, place); });
  return fill(GgufIntegers(), [&] { return read_integer(in, type, place); });
}

GgufValue read_value(Cursor& in, std::string_view place) {
  const auto type = in.read<std::uint32_t>(place);
  check_value_type(in, type, place);
  switch (type) {
    case String:
      return in.string(place);
    case Array:
      return read_array(in, place);
    case Bool:
      return read_bool(in, place);
    case F32:
    case F64:
      return read_real(in, type, place);
    case I8:
    case I16:
    case I32:
    case I64:
      return read_integer(in, type, place);
    default:
      return static_cast<std::uint64_t>(read_integer(in, type, place));
  }
}

void read_magic_and_version(Cursor& in, GgufHeader& header) {
  if (in.read<std::uint32_t>("magic") != 0x46554747u) in.fail("magic", "the file does not begin with GGUF");
  header.version = in.read<std::uint32_t>("version");
  if (header.version == 0x02000000u || header.version == 0x03000000u)
    in.fail("version", "big-endian files are not supported");
  if (header.version != 2 && header.version != 3) {
    in.fail("version", fmt::format("version {} is not supported, only 2 and 3 are", header.version));
  }
}

void read_metadata(Cursor& in, std::uint64_t n_keys, GgufHeader& header) {
  header.metadata.reserve(static_cast<std::size_t>(n_keys));
  for (std::uint64_t i = 0; i < n_keys; ++i) {
    const std::string place = fmt::format("metadata key {}", i);
    std::string key = in.string(place, kMaxKeyBytes);
    if (key.empty()) in.fail(place, "the key is empty");
    GgufValue value = read_value(in, fmt::format("metadata \"{}\"", key));
    if (!header.metadata.emplace(key, std::move(value)).second)
      in.fail(place, fmt::format("\"{}\" is there twice", key));
  }
}

std::uint64_t read_alignment(const Cursor& in, const GgufHeader& header) {
  const auto found = header.metadata.find("general.alignment");
  if (found == header.metadata.end()) return 32;  // the specification's default
  const auto* value = std::get_if<std::uint64_t>(&found->second);
  if (!value || *value < 8 || *value > kMaxAlignment || !std::has_single_bit(*value)) {
    in.fail("metadata \"general.alignment\"", fmt::format("{} is no power of two from 8 to {}",
                                                          value ? fmt::to_string(*value) : "the value", kMaxAlignment));
  }
  return *value;
}

// Fills in type, n_elements and n_bytes; offset stays relative to the data section.
GgufTensor read_tensor(Cursor& in, std::uint64_t index) {
  GgufTensor tensor;
  std::string place = fmt::format("tensor {}", index);
  tensor.name = in.string(place, kMaxNameBytes);
  if (tensor.name.empty()) in.fail(place, "the name is empty");
  place = fmt::format("tensor \"{}\"", tensor.name);
  const auto n_dims = in.read<std::uint32_t>(place);
  if (n_dims < 1 || n_dims > 4) in.fail(place, fmt::format("{} dimensions, only 1 to 4 are allowed", n_dims));
  std::uint64_t n = 1;
  for (std::uint32_t d = 0; d < n_dims; ++d) {
    const auto size = in.read<std::uint64_t>(place);
    const auto product = checked_mul(n, size);
    if (size < 1 || !product || *product > static_cast<std::uint64_t>(INT64_MAX)) {
      in.fail(place, fmt::format("dimension {} of size {} is impossible", d, size));
    }
    n = *product;
    tensor.dims.push_back(static_cast<std::int64_t>(size));
  }
  tensor.n_elements = static_cast<std::int64_t>(n);
  tensor.type = in.read<std::uint32_t>(place);
  const GgmlTypeInfo* info = find_type(tensor.type);
  if (!info) in.fail(place, fmt::format("element type {} is unknown", tensor.type));
  if (tensor.dims[0] % info->block_elements != 0) {
    in.fail(place,
            fmt::format("rows of {} are no whole {} blocks of {}", tensor.dims[0], info->name, info->block_elements));
  }
  const auto bytes =
      checked_mul(n / static_cast<std::uint64_t>(info->block_elements), static_cast<std::uint64_t>(info->block_bytes));
  if (!bytes) in.fail(place, "its size in bytes overflows");
  tensor.n_bytes = *bytes;
  tensor.offset = in.read<std::uint64_t>(place);
  return tensor;
}

// Makes offsets absolute; refuses unaligned, overlapping and cut tensors.
void place_tensors(const Cursor& in, std::uint64_t file_bytes, std::uint64_t alignment, GgufHeader& header) {
  const auto padded = checked_add(in.position(), alignment - 1);
  const std::uint64_t base = padded ? *padded / alignment * alignment : UINT64_MAX;
  for (GgufTensor& tensor : header.tensors) {
    const std::string place = fmt::format("tensor \"{}\"", tensor.name);
    if (tensor.offset % alignment != 0)
      in.fail(place, fmt::format("offset {} is no multiple of {}", tensor.offset, alignment));
    const auto begin = checked_add(base, tensor.offset);
    const auto end = begin ? checked_add(*begin, tensor.n_bytes) : std::nullopt;
    if (!end || *end > file_bytes) {
      in.fail(place, fmt::format("its data ({} bytes at offset {} of the data) ends after the file's {} bytes",
                                 tensor.n_bytes, tensor.offset, file_bytes));
    }
    tensor.offset = *begin;
  }
  std::vector<const GgufTensor*> sorted;
  for (const GgufTensor& tensor : header.tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i]->offset < sorted[i - 1]->offset + sorted[i - 1]->n_bytes) {
      in.fail(fmt::format("tensor \"{}\"", sorted[i]->name),
              fmt::format("its data overlaps that of \"{}\"", sorted[i - 1]->name));
    }
  }
}

void refuse_duplicate_names(const Cursor& in, const GgufHeader& header) {
  std::vector<std::string_view> names;
  for (const GgufTensor& tensor : header.tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) in.fail(fmt::format("tensor \"{}\"", *twice), "the name is there twice");
}

}  // namespace

GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& file) {
  static_assert(std::endian::native == std::endian::little, "GGUF is read in place: little-endian machines only");
  Cursor in(bytes, file);
  GgufHeader header;
  read_magic_and_version(in, header);
  const auto n_tensors = in.read<std::uint64_t>("number of tensors");
  in.need_items(n_tensors, kMinTensorBytes, "number of tensors");
  const auto n_keys = in.read<std::uint64_t>("number of metadata keys");
  in.need_items(n_keys, kMinEntryBytes, "number of metadata keys");
  read_metadata(in, n_keys, header);
  const std::uint64_t alignment = read_alignment(in, header);
  in.need_items(n_tensors, kMinTensorBytes, "tensor list");
  header.tensors.reserve(static_cast<std::size_t>(n_tensors));
  for (std::uint64_t i = 0; i < n_tensors; ++i) header.tensors.push_back(read_tensor(in, i));
  refuse_duplicate_names(in, header);
  place_tensors(in, bytes.size(), alignment, header);
  return header;
}

GgufFile::GgufFile(const fs::path& path) : file_(path.string()), map_(path), header_(parse_gguf(map_.bytes(), file_)) {
  for (std::size_t i = 0; i < header_.tensors.size(); ++i) tensor_index_.emplace(header_.tensors[i].name, i);
}

std::span<const std::byte> GgufFile::data(const GgufTensor& tensor) const {
  map_.revalidate();
  return map_.bytes().subspan(static_cast<std::size_t>(tensor.offset), static_cast<std::size_t>(tensor.n_bytes));
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &header_.tensors[found->second];
}

const GgufValue* GgufFile::find_value(const std::string& key) const {
  const auto found = header_.metadata.find(key);
  return found == header_.metadata.end() ? nullptr : &found->second;
}

void GgufFile::fail_key(const std::string& key, std::string_view reason) const {
  throw Error(Kind::Input, fmt::format("{}: metadata \"{}\" {}", file_, key, reason),
              "convert the model again with a current tool");
}

std::optional<std::int64_t> GgufFile::find_integer(const std::string& key) const {
  const GgufValue* value = find_value(key);
  if (!value) return std::nullopt;
  if (const auto* u = std::get_if<std::uint64_t>(value); u && *u <= static_cast<std::uint64_t>(INT64_MAX)) {
    return static_cast<std::int64_t>(*u);
  }
  if (const auto* i = std::get_if<std::int64_t>(value); i && *i >= 0) return *i;
  fail_key(key, "is no integer from 0 to 2^63 - 1");
}

std::int64_t GgufFile::integer(const std::string& key) const {
  const auto value = find_integer(key);
  if (!value) fail_key(key, "is missing");
  return *value;
}

}  // namespace faqsmith
