// Protocol buffers by hand: an event has four fields, and a library for them would be larger than this file.
#include "train/event_file.h"

#include <array>
#include <chrono>
#include <cstring>
#include <optional>

namespace faqsmith {
namespace {

constexpr std::size_t kFrameBytes = 16;  // length 8, its checksum 4, the data's checksum 4

template <class T>
void append_bytes(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

template <class T>
T bytes_at(std::string_view text, std::size_t at) {
  T value;
  std::memcpy(&value, text.data() + at, sizeof(T));
  return value;
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void append_text(std::string& out, char key, std::string_view text) {
  out.push_back(key);
  append_varint(out, text.size());
  out += text;
}

std::uint32_t masked(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::string framed(std::string_view data) {
  std::string out;
  append_bytes(out, static_cast<std::uint64_t>(data.size()));
  append_bytes(out, masked(crc32c(out)));
  out += data;
  append_bytes(out, masked(crc32c(data)));
  return out;
}

// Field numbers of Event and Summary.Value, each with its wire type in the low three bits.
constexpr char kWallTime = 0x09, kStep = 0x10, kFileVersion = 0x1a, kSummary = 0x2a;
constexpr char kValue = 0x0a, kTag = 0x0a, kSimpleValue = 0x15;

std::string event_start(double wall_time) {
  std::string out(1, kWallTime);
  append_bytes(out, wall_time);
  return out;
}

// The step of an event that event_record() wrote; nothing for the start of the file or other bytes.
std::optional<std::int64_t> step_of(std::string_view event) {
  constexpr std::size_t kStepAt = 9;
  if (event.size() <= kStepAt || event[kStepAt] != kStep) return std::nullopt;
  std::uint64_t step = 0;
  for (std::size_t i = kStepAt + 1, shift = 0; i < event.size() && shift < 64; ++i, shift += 7) {
    step |= static_cast<std::uint64_t>(event[i] & 0x7f) << shift;
    if ((event[i] & 0x80) == 0) return static_cast<std::int64_t>(step);
  }
  return std::nullopt;
}

std::string kept_records(std::string_view text, std::int64_t last_step) {
  std::string kept;
  while (text.size() >= kFrameBytes) {
    const auto length = bytes_at<std::uint64_t>(text, 0);
    if (masked(crc32c(text.substr(0, 8))) != bytes_at<std::uint32_t>(text, 8)) break;
    if (length > text.size() - kFrameBytes) break;
    const auto n = static_cast<std::size_t>(length);
    const std::string_view event = text.substr(12, n);
    if (masked(crc32c(event)) != bytes_at<std::uint32_t>(text, 12 + n)) break;
    const auto step = step_of(event);
    if (step && *step <= last_step) kept += text.substr(0, n + kFrameBytes);
    text.remove_prefix(n + kFrameBytes);
  }
  return kept;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

const fs::path& trimmed(const fs::path& path, std::int64_t last_step) {
  std::string kept;
  if (last_step > 0 && fs::exists(path)) kept = kept_records(read_file(path), last_step);
  write_file_atomic(path, event_file_start(now()) + kept);
  return path;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      std::uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82f63b78u : 0u);
      table[i] = crc;
    }
    return table;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xffu];
  return ~crc;
}

std::string event_file_start(double wall_time) {
  std::string event = event_start(wall_time);
  append_text(event, kFileVersion, "brain.Event:2");
  return framed(event);
}

std::string event_record(double wall_time, std::int64_t step, std::span<const Scalar> scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    append_text(value, kTag, scalar.tag);
    value.push_back(kSimpleValue);
    append_bytes(value, scalar.value);
    append_text(summary, kValue, value);
  }
  std::string event = event_start(wall_time);
  event.push_back(kStep);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_text(event, kSummary, summary);
  return framed(event);
}

EventFile::EventFile(const fs::path& path, std::int64_t last_step) : file_(trimmed(path, last_step)) {}

void EventFile::add(std::int64_t step, std::span<const Scalar> scalars) {
  file_.append(event_record(now(), step, scalars));
}

}  // namespace faqsmith
