// Bytes that a long computation puts aside so as not to hold them in memory: a file without a name, which goes with its
// owner, and with the process however that ends.
#pragma once
#include <cstddef>

#include "sys/file.h"

namespace faqsmith {

class ScratchFile {
 public:
  explicit ScratchFile(fs::path folder);  // on the disk of this folder, which must be there; throws Error(Io)
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  void write(std::size_t offset, const void* data, std::size_t bytes);
  void read(std::size_t offset, void* data, std::size_t bytes) const;  // bytes that were written

 private:
  fs::path folder_;
  int fd_ = -1;
};

}  // namespace faqsmith
