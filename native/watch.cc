#include "watch.h"

#include <uv.h>

#include "errors.h"

namespace farside {

// A libuv handle is freed by its close callback, which comes after the watch is gone. An
// environment that ends waits for it, by an asynchronous cleanup hook: a loop is not to be left
// with open handles.
struct FileWatch::Handle {
  uv_poll_t poll;
  napi_env env;
  bool stopped = false;
  Napi::FunctionReference callback;
  Napi::AsyncContext context;
  std::function<bool()> taken;
  napi_async_cleanup_hook_handle hook = nullptr;
  FileWatch* watch;

  Handle(Napi::Env env, FileWatch* watch, Napi::Function function, std::function<bool()> taken)
      : env(env),
        callback(Napi::Persistent(function)),
        context(env, "farside:watch"),
        taken(std::move(taken)),
        watch(watch) {}

  static void readable(uv_poll_t* poll, int status, int events);
  static void closed(uv_handle_t* handle);
  static void environmentEnds(napi_async_cleanup_hook_handle hook, void* data);
};

void FileWatch::Handle::readable(uv_poll_t* poll, int, int) {
  auto* handle = static_cast<Handle*>(poll->data);
  if (handle->stopped) return;
  Napi::Env env(handle->env);
  Napi::HandleScope scope(env);
  if (handle->taken && !handle->taken()) return;
  // By hand: an environment that is ending runs its loop once more, and refuses every call into JavaScript,
  // which node-addon-api would take for a fatal error.
  napi_value result = nullptr;
  const napi_status answer = napi_make_callback(env, handle->context, env.Global(), handle->callback.Value(),
                                                0, nullptr, &result);
  if (answer == napi_ok) return;
  napi_value error = nullptr;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_fatal_exception(env, error);
  }
}

void FileWatch::Handle::closed(uv_handle_t* base) {
  auto* handle = static_cast<Handle*>(base->data);
  napi_async_cleanup_hook_handle hook = handle->hook;
  {
    Napi::HandleScope scope(handle->env);
    delete handle;
  }
  napi_remove_async_cleanup_hook(hook);
}

void FileWatch::Handle::environmentEnds(napi_async_cleanup_hook_handle, void* data) {
  auto* handle = static_cast<Handle*>(data);
  if (!handle->stopped) handle->watch->stop();
}

void FileWatch::start(Napi::Env env, int descriptor, Napi::Function callback, std::function<bool()> taken) {
  stop();
  uv_loop_s* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  auto* handle = new Handle(env, this, callback, std::move(taken));
  const int error = uv_poll_init(loop, &handle->poll, descriptor);
  if (error != 0) {
    delete handle;
    throwErrno(env, "watch", format("descriptor %d", descriptor), -error);
    return;
  }
  handle->poll.data = handle;
  handle_ = handle;
  napi_add_async_cleanup_hook(env, Handle::environmentEnds, handle, &handle->hook);
  uv_poll_start(&handle->poll, UV_READABLE, Handle::readable);
}

void FileWatch::stop() {
  if (handle_ == nullptr) return;
  Handle* handle = handle_;
  handle_ = nullptr;
  handle->stopped = true;
  handle->callback.Reset();
  uv_poll_stop(&handle->poll);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle->poll), Handle::closed);
}

}  // namespace farside
