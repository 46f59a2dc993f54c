#include "common/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace facesdk {
namespace {

constexpr int kMostHelpers = 63;

// One call of parallel_for. Helpers that come too late find no index left and leave it.
struct Job {
  std::size_t count;
  const std::function<void(std::size_t)>* body;
  std::atomic<std::size_t> next{0};
  std::size_t done = 0;
  std::exception_ptr error;
  std::mutex mutex;
  std::condition_variable finished;

  void work() {
    std::size_t mine = 0;
    std::exception_ptr failed;
    for (std::size_t i; (i = next.fetch_add(1)) < count; ++mine) {
      try {
        (*body)(i);
      } catch (...) {
        failed = std::current_exception();
      }
    }
    if (mine == 0) return;
    std::lock_guard<std::mutex> lock(mutex);
    done += mine;
    if (failed && !error) error = failed;
    if (done == count) finished.notify_all();
  }

  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    finished.wait(lock, [this] { return done == count; });
    if (error) std::rethrow_exception(error);
  }
};

class Pool {
 public:
  void submit(const std::shared_ptr<Job>& job, int helpers) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (; started_ < helpers; ++started_) std::thread([this] { run(); }).detach();
    for (int i = 0; i < helpers; ++i) jobs_.push_back(job);
    for (int i = 0; i < helpers; ++i) ready_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        ready_.wait(lock, [this] { return !jobs_.empty(); });
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job->work();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::shared_ptr<Job>> jobs_;
  int started_ = 0;
};

#ifdef _WIN32
int process() { return 0; }
#else
int process() { return static_cast<int>(getpid()); }
#endif

// Never destroyed: its sleeping threads may outlive every destructor. A forked child has none of them and starts its own.
Pool& pool() {
  static std::mutex mutex;
  static Pool* made = nullptr;
  static int owner = -1;
  std::lock_guard<std::mutex> lock(mutex);
  if (made == nullptr || owner != process()) {
    made = new Pool;
    owner = process();
  }
  return *made;
}

}  // namespace

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body) {
  const std::size_t wanted = std::min<std::size_t>(count, static_cast<std::size_t>(std::max(threads, 1)));
  const int helpers = std::min(static_cast<int>(wanted) - 1, kMostHelpers);
  if (helpers <= 0) {
    for (std::size_t i = 0; i < count; ++i) body(i);
    return;
  }
  const auto job = std::make_shared<Job>();
  job->count = count;
  job->body = &body;
  pool().submit(job, helpers);
  job->work();
  job->wait();
}

}  // namespace facesdk
