#include "cm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "errors.h"
#include "fake/fake.h"
#include "options.h"
#include "server.h"

namespace farside {
namespace {

const char* eventName(rdma_cm_event_type type) {
  static const char* const names[] = {
      "ADDR_RESOLVED",   "ADDR_ERROR",       "ROUTE_RESOLVED", "ROUTE_ERROR",
      "CONNECT_REQUEST", "CONNECT_RESPONSE", "CONNECT_ERROR",  "UNREACHABLE",
      "REJECTED",        "ESTABLISHED",      "DISCONNECTED",   "DEVICE_REMOVAL",
      "MULTICAST_JOIN",  "MULTICAST_ERROR",  "ADDR_CHANGE",    "TIMEWAIT_EXIT"};
  return type < sizeof(names) / sizeof(names[0]) ? names[type] : "UNKNOWN";
}

double nextKey() {
  static double key = 0;
  static std::mutex lock;
  std::lock_guard<std::mutex> guard(lock);
  return ++key;
}

// An address in numbers, no names: a look-up could block.
bool parseAddress(const std::string& host, double port, sockaddr_storage* address) {
  *address = {};
  auto* four = reinterpret_cast<sockaddr_in*>(address);
  auto* six = reinterpret_cast<sockaddr_in6*>(address);
  const uint16_t networkPort = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = networkPort;
    return true;
  }
  if (inet_pton(AF_INET6, host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = networkPort;
    return true;
  }
  return false;
}

// The address in arguments 2 and 3; false with a pending exception.
bool takeAddress(const Napi::CallbackInfo& info, const char* verb, sockaddr_storage* address,
                 std::string* shown) {
  const double port = takeInteger(info, 2, verb, "port", 0, 65535);
  if (port < 0) return false;
  const std::string host = info[1].IsString() ? info[1].As<Napi::String>().Utf8Value() : "";
  if (!parseAddress(host, port, address)) {
    throwType(info.Env(), std::string(verb) + ": host must be an IPv4 or IPv6 address, not \"" + host + "\"");
    return false;
  }
  *shown = host + format(":%.0f", port);
  return true;
}

Napi::Value CreateEventChannel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Library* library = takeLibrary(info, 0, "createEventChannel");
  if (library == nullptr) return env.Undefined();
  errno = 0;
  rdma_event_channel* channel = library->createEventChannel();
  if (channel == nullptr) return throwErrno(env, "createEventChannel", "", errno);
  auto resource = makeResource<EventChannel>(*library, channel);
  resource->addRoot(&State::of(env));
  const int flags = fcntl(channel->fd, F_GETFL);
  if (flags < 0 || fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return throwErrno(env, "createEventChannel", "", errno);
  }
  return makeHandle(env, resource);
}

Napi::Value CreateId(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto channel = take<EventChannel>(info, 0, "createId");
  if (!channel) return env.Undefined();
  rdma_cm_id* id = nullptr;
  const int error = errnoOf(channel->library.createId(channel->channel, &id, nullptr, RDMA_PS_TCP));
  if (error != 0) return throwErrno(env, "createId", "", error);
  auto resource = makeResource<CmId>(channel->library, id);
  resource->addParent(channel);
  return makeHandle(env, resource);
}

Napi::Value QueryId(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "queryId");
  if (!id) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("key", id->key);
  result.Set("port", id->id->port_num);
  if (id->id->verbs != nullptr) {
    result.Set("device", id->library.getDeviceName(id->id->verbs->device));
  }
  const auto& local = id->id->route.addr.src_sin;
  result.Set("localPort", local.sin_family == AF_INET6 ? ntohs(id->id->route.addr.src_sin6.sin6_port)
                                                       : ntohs(local.sin_port));
  char host[NI_MAXHOST] = "";
  sockaddr* peer = rdma_get_peer_addr(id->id);
  const socklen_t length = peer->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (getnameinfo(peer, length, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) == 0) {
    result.Set("peer", std::string(host));
  }
  return result;
}

Napi::Value BindAddr(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "bindAddr");
  sockaddr_storage address;
  std::string shown;
  if (!id || !takeAddress(info, "bindAddr", &address, &shown)) return env.Undefined();
  const int error = errnoOf(id->library.bindAddr(id->id, reinterpret_cast<sockaddr*>(&address)));
  return error == 0 ? env.Undefined() : throwErrno(env, "bindAddr", shown, error);
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "listen");
  if (!id) return env.Undefined();
  const double backlog = takeInteger(info, 1, "listen", "backlog", 0, 65535);
  if (backlog < 0) return env.Undefined();
  const int error = errnoOf(id->library.listen(id->id, static_cast<int>(backlog)));
  return error == 0 ? env.Undefined() : throwErrno(env, "listen", "", error);
}

Napi::Value ResolveAddr(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "resolveAddr");
  sockaddr_storage address;
  std::string shown;
  if (!id || !takeAddress(info, "resolveAddr", &address, &shown)) return env.Undefined();
  const double timeoutMs = takeInteger(info, 3, "resolveAddr", "timeoutMs", 1, 3600000);
  if (timeoutMs < 0) return env.Undefined();
  const int error = errnoOf(id->library.resolveAddr(id->id, nullptr, reinterpret_cast<sockaddr*>(&address),
                                                    static_cast<int>(timeoutMs)));
  return error == 0 ? env.Undefined() : throwErrno(env, "resolveAddr", shown, error);
}

Napi::Value ResolveRoute(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "resolveRoute");
  if (!id) return env.Undefined();
  const double timeoutMs = takeInteger(info, 1, "resolveRoute", "timeoutMs", 1, 3600000);
  if (timeoutMs < 0) return env.Undefined();
  const int error = errnoOf(id->library.resolveRoute(id->id, static_cast<int>(timeoutMs)));
  return error == 0 ? env.Undefined() : throwErrno(env, "resolveRoute", "", error);
}

// rdma_cm carries at most 56 bytes with a connect and 196 with an accept, of which some transports
// take part; what is too long is refused by the library.
bool readConnection(const Napi::CallbackInfo& info, const char* verb, rdma_conn_param* parameters) {
  Options options(info, 1, verb);
  parameters->responder_resources = static_cast<uint8_t>(options.integer("responderResources", 0, 255, 16));
  parameters->initiator_depth = static_cast<uint8_t>(options.integer("initiatorDepth", 0, 255, 16));
  parameters->retry_count = static_cast<uint8_t>(options.integer("retryCount", 0, 7, 7));
  parameters->rnr_retry_count = static_cast<uint8_t>(options.integer("rnrRetryCount", 0, 7, 7));
  parameters->qp_num = static_cast<uint32_t>(options.integer("qpNum", 0, 0xffffff, 0));
  Napi::Value value = options.value("privateData");
  PrivateData data;
  if (!options.ok() || !takePrivateData(info.Env(), value, verb, &data)) return false;
  parameters->private_data = data.bytes;
  parameters->private_data_len = data.lengthBytes;
  return true;
}

Napi::Value Connect(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "connect");
  rdma_conn_param parameters = {};
  if (!id || !readConnection(info, "connect", &parameters)) return env.Undefined();
  const int error = errnoOf(id->library.connect(id->id, &parameters));
  if (error == 0) return env.Undefined();
  return throwErrno(env, "connect",
                    format("qp %u, %u B private data", parameters.qp_num, parameters.private_data_len),
                    error);
}

Napi::Value Accept(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "accept");
  rdma_conn_param parameters = {};
  if (!id || !readConnection(info, "accept", &parameters)) return env.Undefined();
  const int error = errnoOf(id->library.accept(id->id, &parameters));
  if (error == 0) return env.Undefined();
  return throwErrno(env, "accept",
                    format("qp %u, %u B private data", parameters.qp_num, parameters.private_data_len),
                    error);
}

Napi::Value Reject(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "reject");
  if (!id) return env.Undefined();
  PrivateData data;
  if (!takePrivateData(env, info[1], "reject", &data)) return env.Undefined();
  const int error = errnoOf(id->library.reject(id->id, data.bytes, data.lengthBytes));
  return error == 0 ? env.Undefined() : throwErrno(env, "reject", "", error);
}

Napi::Value Establish(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "establish");
  if (!id) return env.Undefined();
  const int error = errnoOf(id->library.establish(id->id));
  return error == 0 ? env.Undefined() : throwErrno(env, "establish", "", error);
}

Napi::Value Disconnect(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto id = take<CmId>(info, 0, "disconnect");
  if (!id) return env.Undefined();
  const int error = errnoOf(id->library.disconnect(id->id));
  return error == 0 ? env.Undefined() : throwErrno(env, "disconnect", "", error);
}

bool isConnection(rdma_cm_event_type type) {
  return type == RDMA_CM_EVENT_CONNECT_REQUEST || type == RDMA_CM_EVENT_CONNECT_RESPONSE ||
         type == RDMA_CM_EVENT_REJECTED || type == RDMA_CM_EVENT_ESTABLISHED;
}

std::shared_ptr<CmId> idOf(const rdma_cm_id* id) {
  return std::static_pointer_cast<CmId>(static_cast<CmId*>(id->context)->shared_from_this());
}

Napi::Value describe(Napi::Env env, const CmEvent& event) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("event", eventName(event.type));
  result.Set("status", event.status);
  result.Set("key", event.id->key);
  if (event.listener) {
    result.Set("listenKey", event.listener->key);
    result.Set("id", makeHandle(env, event.id));
  }
  if (!event.isConnection) return result;
  result.Set("responderResources", event.responderResources);
  result.Set("initiatorDepth", event.initiatorDepth);
  result.Set("qpNum", event.qpNum);
  const auto& data = event.privateData;
  if (!data.empty()) {
    result.Set("privateData", Napi::Buffer<uint8_t>::Copy(env, data.data(), data.size()));
  }
  return result;
}

Napi::Value GetCmEvent(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto channel = take<EventChannel>(info, 0, "getCmEvent");
  if (!channel) return env.Undefined();
  CmEvent event;
  const int error = channel->next(env, &event);
  if (error == EAGAIN) return env.Undefined();
  return error == 0 ? describe(env, event) : throwErrno(env, "getCmEvent", "", error);
}

Napi::Value WatchEventChannel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto channel = take<EventChannel>(info, 0, "watchEventChannel");
  if (!channel) return env.Undefined();
  if (info[1].IsUndefined()) {
    channel->watch.stop();
  } else if (info[1].IsFunction()) {
    auto taken = [env, channel = channel.get()] { return channel->take(env); };
    channel->watch.start(env, channel->channel->fd, info[1].As<Napi::Function>(), taken);
  } else {
    return throwType(env, "watchEventChannel: argument 2 must be a function, or undefined to stop");
  }
  return env.Undefined();
}

// What a caller may overrule of the attributes that the connection manager worked out.
void overrule(const ibv_qp_attr& wanted, int wantedMask, ibv_qp_attr* attributes, int* mask) {
  const auto take = [&](int bit, auto member) {
    if ((wantedMask & bit) != 0 && (*mask & bit) != 0) attributes->*member = wanted.*member;
  };
  take(IBV_QP_PATH_MTU, &ibv_qp_attr::path_mtu);
  take(IBV_QP_MAX_DEST_RD_ATOMIC, &ibv_qp_attr::max_dest_rd_atomic);
  take(IBV_QP_MAX_QP_RD_ATOMIC, &ibv_qp_attr::max_rd_atomic);
  take(IBV_QP_MIN_RNR_TIMER, &ibv_qp_attr::min_rnr_timer);
  take(IBV_QP_TIMEOUT, &ibv_qp_attr::timeout);
  take(IBV_QP_RETRY_CNT, &ibv_qp_attr::retry_cnt);
  take(IBV_QP_RNR_RETRY, &ibv_qp_attr::rnr_retry);
  take(IBV_QP_ACCESS_FLAGS, &ibv_qp_attr::qp_access_flags);
}

Napi::Value ModifyQpById(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto qp = take<Qp>(info, 0, "modifyQpById");
  if (!qp) return env.Undefined();
  auto id = take<CmId>(info, 1, "modifyQpById");
  if (!id) return env.Undefined();
  ibv_qp_attr wanted = {}, attributes = {};
  int wantedMask = 0, mask = 0;
  if (!readQpAttributes(info, 2, "modifyQpById", &wanted, &wantedMask)) return env.Undefined();
  if ((wantedMask & IBV_QP_STATE) == 0) return throwType(env, "modifyQpById: state is missing");
  const int error = modifyById(*qp, *id, wanted, wantedMask, &attributes, &mask);
  if (error == 0) return env.Undefined();
  return throwErrno(env, "modifyQpById",
                    format("qp %u, state %d, path MTU %d B, mask 0x%x", qp->qp->qp_num, attributes.qp_state,
                           128 << attributes.path_mtu, mask),
                    error);
}

}  // namespace

bool takePrivateData(Napi::Env env, Napi::Value value, const char* verb, PrivateData* data) {
  if (value.IsUndefined()) return true;
  if (!value.IsBuffer() || value.As<Napi::Buffer<uint8_t>>().Length() > 255) {
    throwType(env, std::string(verb) + ": privateData must be a Buffer of at most 255 bytes");
    return false;
  }
  auto buffer = value.As<Napi::Buffer<uint8_t>>();
  *data = {buffer.Data(), static_cast<uint8_t>(buffer.Length())};
  return true;
}

int modifyById(const Qp& qp, const CmId& id, const ibv_qp_attr& wanted, int wantedMask,
               ibv_qp_attr* attributes, int* mask) {
  attributes->qp_state = wanted.qp_state;
  const int error = errnoOf(id.library.initQpAttr(id.id, attributes, mask));
  if (error != 0) return error;
  overrule(wanted, wantedMask, attributes, mask);
  return errnoOf(qp.library.modifyQp(qp.qp, attributes, *mask));
}

int EventChannel::read(CmEvent* event) {
  rdma_cm_event* said = nullptr;
  errno = 0;
  const int error = errnoOf(library.getCmEvent(channel, &said));
  if (error != 0) return error;
  event->type = said->event;
  event->status = said->status;
  event->isConnection = isConnection(said->event);
  if (said->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
    event->id = makeResource<CmId>(library, said->id);
    event->id->addParent(shared_from_this());
    event->listener = idOf(said->listen_id);
  } else {
    event->id = idOf(said->id);
    event->listener = nullptr;
  }
  event->privateData.clear();
  if (event->isConnection) {
    const rdma_conn_param& parameters = said->param.conn;
    event->responderResources = parameters.responder_resources;
    event->initiatorDepth = parameters.initiator_depth;
    event->qpNum = parameters.qp_num;
    auto* data = static_cast<const uint8_t*>(parameters.private_data);
    if (data != nullptr) event->privateData.assign(data, data + parameters.private_data_len);
  }
  library.ackCmEvent(said);
  return 0;
}

int EventChannel::next(Napi::Env env, CmEvent* event) {
  if (kept_) {
    *event = std::move(*kept_);
    kept_.reset();
    return 0;
  }
  int error = read(event);
  while (error == 0 && Server::hear(env, *event)) error = read(event);
  return error;
}

bool EventChannel::take(Napi::Env env) {
  if (kept_) return true;
  CmEvent event;
  const int error = read(&event);
  if (error == EAGAIN || (error == 0 && Server::hear(env, event))) return false;
  // What is wrong with the channel, JavaScript is told when it asks.
  if (error == 0) kept_ = std::move(event);
  return true;
}

int EventChannel::release() {
  kept_.reset();
  watch.stop();
  library.destroyEventChannel(channel);
  return 0;
}

CmId::CmId(const Library& library, rdma_cm_id* id) : Resource(kKind, library), id(id), key(nextKey()) {
  id->context = this;
}

int CmId::release() { return errnoOf(library.destroyId(id)); }

void exportCm(Napi::Env env, Napi::Object exports) {
  exports.Set("createEventChannel", Napi::Function::New(env, CreateEventChannel));
  exports.Set("createId", Napi::Function::New(env, CreateId));
  exports.Set("queryId", Napi::Function::New(env, QueryId));
  exports.Set("bindAddr", Napi::Function::New(env, BindAddr));
  exports.Set("listen", Napi::Function::New(env, Listen));
  exports.Set("resolveAddr", Napi::Function::New(env, ResolveAddr));
  exports.Set("resolveRoute", Napi::Function::New(env, ResolveRoute));
  exports.Set("connect", Napi::Function::New(env, Connect));
  exports.Set("accept", Napi::Function::New(env, Accept));
  exports.Set("reject", Napi::Function::New(env, Reject));
  exports.Set("establish", Napi::Function::New(env, Establish));
  exports.Set("disconnect", Napi::Function::New(env, Disconnect));
  exports.Set("getCmEvent", Napi::Function::New(env, GetCmEvent));
  exports.Set("watchEventChannel", Napi::Function::New(env, WatchEventChannel));
  exports.Set("modifyQpById", Napi::Function::New(env, ModifyQpById));
}

}  // namespace farside
