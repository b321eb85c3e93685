// What happens when a mapped file is cut short by someone else while it is read: the kernel answers with SIGBUS. With
// the guard the process says which file it was and ends with exit code 1; anything written is kept (stages commit whole
// batches, files appear whole). Without it the process would die with a signal and no word.
#pragma once
#include <cstddef>
#include <string_view>

namespace faqsmith {

void install_map_guard();  // once, by main

// Names the file behind a range of addresses, for the message; MappedFile calls both. Thread-safe.
void guard_map(const void* begin, std::size_t bytes, std::string_view path);
void unguard_map(const void* begin);

}  // namespace faqsmith
