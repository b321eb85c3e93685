// A scanner for the few elements of that output. It comes from a confined child that read a hostile file: nothing in it
// is trusted.
#include "ingest/pdf_boxes.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "base/strings.h"

namespace faqsmith {
namespace {

constexpr double kMinVisible = 2.0;   // points: smaller text is not meant to be read
constexpr double kMaxPage = 20000.0;  // points: larger coordinates are nonsense

double attribute(std::string_view tag, std::string_view name) {
  const std::string key = " " + std::string(name) + "=\"";
  const std::size_t at = tag.find(key);
  if (at == std::string_view::npos) return 0;
  const char* begin = tag.data() + at + key.size();
  double value = 0;
  const auto parsed = std::from_chars(begin, tag.data() + tag.size(), value);
  return parsed.ec == std::errc{} && std::isfinite(value) && std::abs(value) < kMaxPage ? value : 0;
}

std::string unescape(std::string_view text) {
  std::string out = replace_all(std::string(text), "&lt;", "<");
  out = replace_all(std::move(out), "&gt;", ">");
  out = replace_all(std::move(out), "&quot;", "\"");
  return replace_all(std::move(out), "&amp;", "&");
}

class BoxParser {
 public:
  PdfBoxes run(std::string_view output) {
    std::size_t at = 0;
    while ((at = output.find('<', at)) != std::string_view::npos) {
      const std::size_t end = output.find('>', at);
      if (end == std::string_view::npos) break;
      const std::string_view tag = output.substr(at, end - at);
      const std::size_t next = output.find('<', end);
      const std::string_view text = output.substr(end + 1, next == std::string_view::npos ? 0 : next - end - 1);
      take(tag, text, next != std::string_view::npos);
      at = end;
    }
    return std::move(boxes_);
  }

 private:
  void take(std::string_view tag, std::string_view text, bool closed) {
    if (tag.starts_with("<word ")) {
      if (closed) take_word(tag, text);
    } else if (tag.starts_with("<line")) {
      sizes_.clear();
      line_ = {};
      any_ink_ = false;
    } else if (tag == "</line") {
      end_line();
    } else if (tag.starts_with("<page")) {
      page_ = {};
      page_.width = attribute(tag, "width");
      page_.height = attribute(tag, "height");
    } else if (tag == "</page") {
      boxes_.pages.push_back(std::move(page_));
      page_ = {};
    } else if (tag == "<title") {
      boxes_.title = unescape(trim(text));
    } else if (tag == "</doc") {
      boxes_.complete = true;
    }
  }

  void take_word(std::string_view tag, std::string_view text) {
    const std::string word(trim(unescape(text)));
    if (word.empty()) return;
    const double x_min = attribute(tag, "xMin"), x_max = attribute(tag, "xMax");
    const double y_min = attribute(tag, "yMin"), y_max = attribute(tag, "yMax");
    const double middle_x = (x_min + x_max) / 2, middle_y = (y_min + y_max) / 2;
    const bool off_page = middle_x < 0 || middle_y < 0 || middle_x > page_.width || middle_y > page_.height;
    if (y_max - y_min < kMinVisible || off_page) {
      ++page_.n_hidden;
      return;
    }
    // Bullets come from other fonts: their height says nothing about the line.
    const bool ink =
        std::any_of(word.begin(), word.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; });
    if (line_.text.empty()) {
      line_.x_min = x_min;
      line_.y_min = y_min;
      line_.x_max = x_max;
      line_.y_max = y_max;
    } else {
      line_.text += ' ';
      line_.x_min = std::min(line_.x_min, x_min);
      line_.x_max = std::max(line_.x_max, x_max);
      if (ink) {
        line_.y_min = any_ink_ ? std::min(line_.y_min, y_min) : y_min;
        line_.y_max = any_ink_ ? std::max(line_.y_max, y_max) : y_max;
      }
    }
    any_ink_ = any_ink_ || ink;
    line_.text += word;
    sizes_.push_back(y_max - y_min);
  }

  void end_line() {
    if (line_.text.empty()) return;
    std::nth_element(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(sizes_.size() / 2), sizes_.end());
    line_.size = sizes_[sizes_.size() / 2];
    page_.lines.push_back(std::move(line_));
    line_ = {};
  }

  PdfBoxes boxes_;
  PdfPage page_;
  PdfLine line_;
  std::vector<double> sizes_;
  bool any_ink_ = false;  // a letter or digit is in the line
};

}  // namespace

PdfBoxes parse_pdf_boxes(std::string_view output) {
  return BoxParser().run(output);
}

}  // namespace faqsmith
