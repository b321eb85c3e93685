// safetensors, the tensor file of Hugging Face: reader and writer. Promise: the format's own rules are enforced (header
// of at most 100,000,000 bytes, no duplicate key, no overlap, no hole, shape x type = bytes), before anything is
// allocated. Source: github.com/huggingface/safetensors, README "Format". No meaning of names is known here.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "sys/file.h"

namespace faqsmith {

struct SafeTensor {
  std::string name, dtype;          // dtype as written: "F32", "F16", "BF16", "I64" …
  std::vector<std::int64_t> shape;  // outermost first; empty = one value
  std::int64_t n_elements = 0;
  std::uint64_t offset = 0;  // of the data, from the start of the file
  std::uint64_t n_bytes = 0;
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafeTensor> tensors;  // by offset
};

// Throws Error(Input). file: the name that errors show.
[[nodiscard]] SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& file);

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const fs::path& path);  // maps and parses; throws Error(Io) or Error(Input)
  [[nodiscard]] const SafetensorsHeader& header() const { return header_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::uint64_t n_bytes() const { return map_.bytes().size(); }
  [[nodiscard]] const SafeTensor* find_tensor(std::string_view name) const;  // nullptr if absent
  // out[n_elements]. F32, F16 and BF16; another type and a value that is no finite number throw Error(Input) that names
  // the tensor and the index.
  void read_floats(const SafeTensor& tensor, float* out) const;
  [[nodiscard]] static std::optional<GgmlType> float_type(const SafeTensor& tensor);  // of those; else nullopt
  // Asks the file system first whether the file still is as long as it was.
  [[nodiscard]] std::span<const std::byte> data(const SafeTensor& tensor) const;

 private:
  std::string file_;
  MappedFile map_;
  SafetensorsHeader header_;
};

enum class SafeFloat { F32, F16, BF16 };
[[nodiscard]] std::uint64_t bytes_of(SafeFloat type);  // of one value
// Writes a file front to back: all names and shapes first, then the values in the same order, in parts of any size.
// Crash-safe. F16 and BF16 round to nearest even and refuse finite values that do not fit. Metadata "format": "pt"
// makes transformers and peft accept the file.
class SafetensorsWriter {
 public:
  explicit SafetensorsWriter(SafeFloat type) : type_(type) {}
  void add_tensor(const std::string& name, const std::vector<std::int64_t>& shape);
  [[nodiscard]] std::uint64_t n_bytes() const { return n_bytes_; }  // of the values declared so far
  void begin(const fs::path& path, const std::map<std::string, std::string>& metadata);
  void write_values(std::span<const float> values);
  void finish();

 private:
  struct Declared {
    std::string name;
    std::vector<std::int64_t> shape;
    std::uint64_t n_values;
  };
  SafeFloat type_;
  std::vector<Declared> tensors_;
  std::uint64_t n_bytes_ = 0;
  std::size_t n_written_ = 0;   // tensors
  std::uint64_t n_values_ = 0;  // of the tensor in work
  std::optional<AtomicFile> out_;
};

struct SafeTensorToWrite {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;  // row-major
};
// All at once, for what is in memory anyway.
void write_safetensors(const fs::path& path, const std::vector<SafeTensorToWrite>& tensors, SafeFloat type,
                       const std::map<std::string, std::string>& metadata);

}  // namespace faqsmith
