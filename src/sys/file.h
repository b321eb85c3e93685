// Files: whole reads, crash-safe writes and read-only maps. All errors are Error(Io or Input) that name the path.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace faqsmith {

namespace fs = std::filesystem;

[[nodiscard]] std::string read_file(const fs::path& path, std::size_t max_bytes = std::size_t{1} << 31);

[[nodiscard]] std::string sha256_file(const fs::path& path);  // in hex; reads piece by piece: any size, little memory

// Writes a temporary file in the same folder, fsyncs it, renames it over path and fsyncs the folder: a reader (or a
// crash) sees the old bytes or the new ones, never a mixture.
void write_file_atomic(const fs::path& path, std::string_view bytes);

// The same for files written piece by piece: the temporary is removed unless commit() is reached.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* data, std::size_t bytes);  // small pieces are buffered
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  [[nodiscard]] std::size_t size() const { return size_; }  // bytes written so far
  void commit();                                            // flush, fsync, rename, fsync the folder

 private:
  void flush();
  void write_through(const void* data, std::size_t bytes) const;
  fs::path path_, temporary_;
  int fd_ = -1;
  std::size_t size_ = 0;
  std::string buffer_;
};

// A read-only memory map of a whole file. A file that shrinks after mapping is checked by revalidate().
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void revalidate() const;  // throws Error(Input) if the file is now shorter than what was mapped

 private:
  fs::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int fd_ = -1;
};

}  // namespace faqsmith
