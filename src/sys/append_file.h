// A file that grows by whole records, such as a log that a resumed run goes on with. A record is in the file when
// append() returns, and on the disk after sync(); the last one may be torn by a crash before that.
#pragma once
#include <string_view>

#include "sys/file.h"

namespace faqsmith {

class AppendFile {
 public:
  explicit AppendFile(fs::path path);  // must be there; throws Error(Io)
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  void append(std::string_view record);
  void sync();

 private:
  fs::path path_;
  int fd_ = -1;
};

}  // namespace faqsmith
