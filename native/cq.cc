#include "cq.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>

#include "errors.h"
#include "options.h"

namespace farside {

bool Channel::drain() {
  bool any = false;
  ibv_cq* cq = nullptr;
  void* cqContext = nullptr;
  // The descriptor does not block: the last call answers EAGAIN.
  while (library.getCqEvent(channel, &cq, &cqContext) == 0) {
    library.ackCqEvents(cq, 1);
    any = true;
  }
  return any;
}

int Channel::release() {
  watch.stop();
  return errnoOf(library.destroyCompChannel(channel));
}

int Cq::release() { return errnoOf(library.destroyCq(cq)); }

namespace {

Napi::Value CreateCompChannel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto device = take<Device>(info, 0, "createCompChannel");
  if (!device) return env.Undefined();
  errno = 0;
  ibv_comp_channel* channel = device->library.createCompChannel(device->context);
  if (channel == nullptr) return throwErrno(env, "createCompChannel", device->name, errno);
  auto resource = makeResource<Channel>(device, channel);
  resource->addParent(device);
  int flags = fcntl(channel->fd, F_GETFL);
  if (flags < 0 || fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return throwErrno(env, "createCompChannel", device->name, errno);
  }
  return makeHandle(env, resource);
}

Napi::Value CreateCq(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto device = take<Device>(info, 0, "createCq");
  if (!device) return env.Undefined();
  const double cqe = takeInteger(info, 1, "createCq", "cqe", 1, 2147483647);
  if (cqe < 0) return env.Undefined();
  std::shared_ptr<Channel> channel;
  if (!info[2].IsUndefined()) {
    channel = take<Channel>(info, 2, "createCq");
    if (!channel) return env.Undefined();
    if (channel->device != device.get()) {
      return throwType(env, "createCq: the completion channel belongs to another device");
    }
  }
  errno = 0;
  ibv_cq* cq = device->library.createCq(device->context, static_cast<int>(cqe), nullptr,
                                        channel ? channel->channel : nullptr, 0);
  if (cq == nullptr) {
    int error = errno;
    return throwErrno(env, "createCq", format("%s, %.0f entries", device->name.c_str(), cqe), error);
  }
  auto resource = makeResource<Cq>(device, cq);
  resource->addParent(device);
  if (channel) resource->addParent(channel);
  return makeHandle(env, resource);
}

Napi::Value ReqNotifyCq(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto cq = take<Cq>(info, 0, "reqNotifyCq");
  if (!cq) return env.Undefined();
  int error = errnoOf(ibv_req_notify_cq(cq->cq, 0));
  return error == 0 ? env.Undefined() : throwErrno(env, "reqNotifyCq", "", error);
}

Napi::Value WatchCompChannel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto channel = take<Channel>(info, 0, "watchCompChannel");
  if (!channel) return env.Undefined();
  if (info[1].IsUndefined()) {
    channel->watch.stop();
  } else if (info[1].IsFunction()) {
    Channel* watched = channel.get();
    channel->watch.start(env, channel->channel->fd, info[1].As<Napi::Function>(),
                         [watched] { return watched->drain(); });
  } else {
    return throwType(env, "watchCompChannel: argument 2 must be a function, or undefined to stop");
  }
  return env.Undefined();
}

Napi::Value WaitCompChannel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto channel = take<Channel>(info, 0, "waitCompChannel");
  if (!channel) return env.Undefined();
  const double timeoutMs = takeInteger(info, 1, "waitCompChannel", "timeoutMs", 0, 3600000);
  if (timeoutMs < 0) return env.Undefined();
  pollfd wanted = {channel->channel->fd, POLLIN, 0};
  int answer = ::poll(&wanted, 1, static_cast<int>(timeoutMs));
  if (answer < 0 && errno != EINTR) return throwErrno(env, "waitCompChannel", "", errno);
  return Napi::Boolean::New(env, answer > 0 && channel->drain());
}

}  // namespace

void exportCq(Napi::Env env, Napi::Object exports) {
  exports.Set("createCompChannel", Napi::Function::New(env, CreateCompChannel));
  exports.Set("createCq", Napi::Function::New(env, CreateCq));
  exports.Set("reqNotifyCq", Napi::Function::New(env, ReqNotifyCq));
  exports.Set("watchCompChannel", Napi::Function::New(env, WatchCompChannel));
  exports.Set("waitCompChannel", Napi::Function::New(env, WaitCompChannel));
}

}  // namespace farside
