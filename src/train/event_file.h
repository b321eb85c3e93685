// TensorBoard's event file: scalars by step, appended as they come. Promise: a resumed run keeps the events up to its
// checkpoint and drops the rest; a damaged tail is dropped too. Sources: TensorFlow, core/util/event.proto and
// lib/io/record_writer.h (a record is length, masked CRC-32C of it, bytes, masked CRC-32C of those).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sys/append_file.h"

namespace faqsmith {

struct Scalar {
  std::string_view tag;  // "train/loss"
  float value = 0;
};

// One record of the file, framed. wall_time: seconds since 1970.
[[nodiscard]] std::string event_record(double wall_time, std::int64_t step, std::span<const Scalar> scalars);
[[nodiscard]] std::string event_file_start(double wall_time);  // the record that names the format's version

[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);  // Castagnoli

class EventFile {
 public:
  // Keeps the records of steps <= last_step. Throws Error(Io).
  EventFile(const fs::path& path, std::int64_t last_step);
  void add(std::int64_t step, std::span<const Scalar> scalars);
  void sync() { file_.sync(); }

 private:
  AppendFile file_;
};

}  // namespace faqsmith
