// GGUF, the model file of llama.cpp: reader (versions 2 and 3, little endian) and writer (version 3).
// Promise: a file is data that may lie. Every count is checked against the bytes that remain before it is used, and a
// file that does not hold together is refused with its name, the place and the reason. No meaning of keys is known
// here. Source: the GGUF specification (github.com/ggml-org/ggml, docs/gguf.md). Thread-safe after construction.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "sys/file.h"
#include "tensor/block_type.h"

namespace faqsmith {

// Metadata values. Integers keep their sign class; arrays hold one element type and are never nested.
using GgufStrings = std::vector<std::string>;
using GgufIntegers = std::vector<std::int64_t>;  // unsigned 64-bit elements keep their bits
using GgufReals = std::vector<double>;
using GgufBools = std::vector<bool>;
using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufStrings, GgufIntegers,
                               GgufReals, GgufBools>;

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> dims;  // 1 to 4 of them, innermost (contiguous) first, each >= 1
  std::uint32_t type = 0;          // find_type(type) is not null
  std::int64_t n_elements = 0;
  std::uint64_t offset = 0;   // of the data, from the start of the file
  std::uint64_t n_bytes = 0;  // offset + n_bytes <= file size
};

// What a file says, without its tensor data.
struct GgufHeader {
  std::uint32_t version = 0;
  std::unordered_map<std::string, GgufValue> metadata;
  std::vector<GgufTensor> tensors;  // in the file's order
};

// Throws Error(Input). file: the name that errors show.
[[nodiscard]] GgufHeader parse_gguf(std::span<const std::byte> bytes, const std::string& file);

class GgufFile {
 public:
  explicit GgufFile(const fs::path& path);  // maps and parses; throws Error(Io) or Error(Input)
  [[nodiscard]] const GgufHeader& header() const { return header_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return map_.bytes(); }
  // The tensor's data. Asks the file system first whether the file still is as long as it was.
  [[nodiscard]] std::span<const std::byte> data(const GgufTensor& tensor) const;
  [[nodiscard]] const GgufTensor* find_tensor(std::string_view name) const;  // nullptr if absent

  // Metadata by key. The first form throws Error(Input) if the key is absent; all throw if its value has another type.
  template <class T>
  [[nodiscard]] const T& get(const std::string& key) const {
    const T* value = find<T>(key);
    if (!value) fail_key(key, "is missing");
    return *value;
  }
  template <class T>
  [[nodiscard]] const T* find(const std::string& key) const {
    const GgufValue* any = find_value(key);
    const T* value = any ? std::get_if<T>(any) : nullptr;
    if (any && !value) fail_key(key, "has an unexpected type");
    return value;
  }
  [[nodiscard]] std::int64_t integer(const std::string& key) const;  // any integer type, >= 0
  [[nodiscard]] std::optional<std::int64_t> find_integer(const std::string& key) const;

 private:
  [[nodiscard]] const GgufValue* find_value(const std::string& key) const;
  [[noreturn]] void fail_key(const std::string& key, std::string_view reason) const;
  std::string file_;
  MappedFile map_;
  GgufHeader header_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;
};

// Writes a version 3 file piece by piece: all metadata and tensor shapes first, then the data in the same order.
class GgufWriter {
 public:
  void add_uint32(std::string_view key, std::uint32_t value);
  void add_float32(std::string_view key, float value);
  void add_bool(std::string_view key, bool value);
  void add_string(std::string_view key, std::string_view value);
  void add_strings(std::string_view key, const std::vector<std::string>& values);
  void add_int32s(std::string_view key, const std::vector<std::int32_t>& values);
  void add_float32s(std::string_view key, const std::vector<float>& values);
  void add_tensor(std::string_view name, const std::vector<std::int64_t>& dims_innermost_first,
                  GgmlType type);  // can_quantize(type); rows are whole blocks of it

  // Opens the file; from here only values, of each tensor in the order of add_tensor. Converted to the declared type.
  void begin(const fs::path& path);
  void write_tensor(std::span<const float> values);
  void write_values(std::span<const float> values);  // a tensor in parts of whole rows, its first row first
  void finish();                                     // all tensors written; crash-safe rename

 private:
  struct Declared {
    std::string name;
    std::vector<std::int64_t> dims;
    GgmlType type;
    std::uint64_t n_elements;
  };
  void add_key(std::string_view key, std::uint32_t type);
  [[nodiscard]] const Declared& next_tensor() const;
  std::string metadata_;
  std::uint64_t n_keys_ = 0;
  std::vector<Declared> tensors_;
  std::size_t n_written_ = 0;   // tensors
  std::uint64_t n_values_ = 0;  // of the tensor in work
  std::optional<AtomicFile> out_;
};

}  // namespace faqsmith
