// Writing GGUF version 3. Sizes are known before the first byte of data, so the file is written once, front to back.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "formats/gguf.h"
#include "tensor/quantize.h"

namespace faqsmith {
namespace {

constexpr std::uint64_t kAlignment = 32;  // the specification's default: no general.alignment needed
constexpr std::uint32_t kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9;  // value types

template <class T>
void append(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

void append_string(std::string& out, std::string_view text) {
  append(out, static_cast<std::uint64_t>(text.size()));
  out.append(text);
}

std::uint64_t padding(std::uint64_t size) {
  return (kAlignment - size % kAlignment) % kAlignment;
}

}  // namespace

void GgufWriter::add_key(std::string_view key, std::uint32_t type) {
  append_string(metadata_, key);
  append(metadata_, type);
  ++n_keys_;
}

void GgufWriter::add_uint32(std::string_view key, std::uint32_t value) {
  add_key(key, kUint32);
  append(metadata_, value);
}

void GgufWriter::add_float32(std::string_view key, float value) {
  add_key(key, kFloat32);
  append(metadata_, value);
}

void GgufWriter::add_bool(std::string_view key, bool value) {
  add_key(key, kBool);
  append(metadata_, static_cast<std::uint8_t>(value ? 1 : 0));
}

void GgufWriter::add_string(std::string_view key, std::string_view value) {
  add_key(key, kString);
  append_string(metadata_, value);
}

void GgufWriter::add_strings(std::string_view key, const std::vector<std::string>& values) {
  add_key(key, kArray);
  append(metadata_, kString);
  append(metadata_, static_cast<std::uint64_t>(values.size()));
  for (const std::string& value : values) append_string(metadata_, value);
}

void GgufWriter::add_int32s(std::string_view key, const std::vector<std::int32_t>& values) {
  add_key(key, kArray);
  append(metadata_, kInt32);
  append(metadata_, static_cast<std::uint64_t>(values.size()));
  for (const std::int32_t value : values) append(metadata_, value);
}

void GgufWriter::add_float32s(std::string_view key, const std::vector<float>& values) {
  add_key(key, kArray);
  append(metadata_, kFloat32);
  append(metadata_, static_cast<std::uint64_t>(values.size()));
  for (const float value : values) append(metadata_, value);
}

void GgufWriter::add_tensor(std::string_view name, const std::vector<std::int64_t>& dims_innermost_first,
                            GgmlType type) {
  require(can_quantize(type), "a GGUF tensor is written in a type that quantize() knows");
  std::uint64_t n = 1;
  for (const std::int64_t dim : dims_innermost_first) n *= static_cast<std::uint64_t>(dim);
  tensors_.push_back({std::string(name), dims_innermost_first, type, n});
}

void GgufWriter::begin(const fs::path& path) {
  std::string head;
  append(head, std::uint32_t{0x46554747});  // "GGUF"
  append(head, std::uint32_t{3});
  append(head, static_cast<std::uint64_t>(tensors_.size()));
  append(head, n_keys_);
  head += metadata_;
  std::uint64_t offset = 0;
  for (const Declared& tensor : tensors_) {
    append_string(head, tensor.name);
    append(head, static_cast<std::uint32_t>(tensor.dims.size()));
    for (const std::int64_t dim : tensor.dims) append(head, static_cast<std::uint64_t>(dim));
    append(head, static_cast<std::uint32_t>(tensor.type));
    append(head, offset);
    offset += quantized_bytes(tensor.type, tensor.n_elements);
    offset += padding(offset);
  }
  head.append(padding(head.size()), '\0');
  out_.emplace(path);
  out_->write(head);
}

void GgufWriter::write_tensor(std::span<const float> values) {
  require(values.size() == next_tensor().n_elements, "a tensor is written with as many values as declared");
  write_values(values);
}

const GgufWriter::Declared& GgufWriter::next_tensor() const {
  require(out_ && n_written_ < tensors_.size(), "values follow begin(), for each tensor once");
  return tensors_[n_written_];
}

void GgufWriter::write_values(std::span<const float> values) {
  const Declared& tensor = next_tensor();
  n_values_ += values.size();
  require(n_values_ <= tensor.n_elements, "a tensor is written with as many values as declared");
  constexpr std::size_t kPiece = std::size_t{1} << 18;  // elements converted at a time: whole blocks of every type
  for (std::size_t begin = 0; begin < values.size(); begin += kPiece) {
    const auto bytes =
        quantize(tensor.type, values.subspan(begin, std::min(kPiece, values.size() - begin)), tensor.name);
    out_->write(bytes.data(), bytes.size());
  }
  if (n_values_ < tensor.n_elements) return;
  n_values_ = 0;
  ++n_written_;
  const std::string zeros(padding(out_->size()), '\0');
  out_->write(zeros);
}

void GgufWriter::finish() {
  require(out_ && n_written_ == tensors_.size(), "every declared tensor is written before finish()");
  out_->commit();
  out_.reset();
}

}  // namespace faqsmith
