// Batched scoring with the bot's own prompt, so that what is measured is what training will see.
#include "stages/curate/likelihood.h"

#include <map>

#include "base/error.h"
#include "faq/prompts.h"

namespace faqsmith {

std::vector<double> likelihood_gains(ChatModel& judge, const std::string& topic,
                                     const std::vector<QuestionAnswer>& pairs) {
  std::vector<ScoreRequest> requests;
  std::map<std::string, std::size_t> neutral;  // answer -> its request
  for (const QuestionAnswer& pair : pairs) requests.push_back({bot_messages(topic, pair.question), pair.answer});
  for (const QuestionAnswer& pair : pairs) {
    if (!neutral.emplace(pair.answer, requests.size()).second) continue;
    requests.push_back({bot_messages(topic, kNeutralQuestion), pair.answer});
  }
  const std::vector<Score> scores = judge.score(requests);
  require(scores.size() == requests.size(), "a chat model scores every request");
  std::vector<double> gains;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    gains.push_back(scores[i].log_probability - scores[neutral.at(pairs[i].answer)].log_probability);
  return gains;
}

}  // namespace faqsmith
