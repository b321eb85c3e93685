// Rows of question and answer as other tools write them, one JSON value a line: read and written without loss.
// Errors are Error(Input) that name file and line. Bounded: a line of more than 16 MiB or JSON nested deeper than 64
// is refused, so hostile files cannot exhaust memory or the stack.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_template.h"

namespace faqsmith {

enum class DataFormat {
  Faq,     // {"question": …, "answer": …}
  Alpaca,  // {"instruction": …, "input": …, "output": …}; optional "system"
  ShareGpt,  // {"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}; optional "system" turn
  Messages,  // {"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}
};
[[nodiscard]] std::optional<DataFormat> parse_data_format(std::string_view name);  // faq, alpaca, sharegpt, messages
[[nodiscard]] const char* data_format_name(DataFormat format);

struct DataRow {
  std::string system;          // empty: none
  std::vector<Message> turns;  // user and assistant alternate, at least one of each; [0] is the user's
  std::string extra;           // JSON object of the row's other fields, "" if there are none: kept for writing back
  [[nodiscard]] const std::string& question() const { return turns[0].text; }
  [[nodiscard]] const std::string& answer() const { return turns[1].text; }
};

// The format is recognised from the first row's fields. Also accepts one JSON array of rows as the whole file. Empty
// lines and a UTF-8 BOM are skipped. where: the file's name for messages.
[[nodiscard]] std::vector<DataRow> read_data(std::string_view bytes, const std::string& where);

// One line, without its end. Alpaca and Faq hold one turn of each side; a longer row throws Error(User).
[[nodiscard]] std::string write_row(const DataRow& row, DataFormat format);

}  // namespace faqsmith
