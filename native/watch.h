// Calls a JavaScript function when a file descriptor becomes readable, on the environment's libuv
// loop.
#pragma once

#include <napi.h>

#include <functional>

namespace farside {

class FileWatch {
 public:
  FileWatch() = default;
  FileWatch(const FileWatch&) = delete;
  ~FileWatch() { stop(); }

  // `taken` is asked first: the callback is called where it gives true. It may be empty.
  void start(Napi::Env env, int descriptor, Napi::Function callback, std::function<bool()> taken);
  void stop();

 private:
  struct Handle;
  Handle* handle_ = nullptr;
};

}  // namespace farside
