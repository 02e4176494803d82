// Connections by address, through rdma_cm: createEventChannel, createId, bindAddr, listen,
// resolveAddr, resolveRoute, connect, establish, accept, reject, disconnect, getCmEvent,
// watchEventChannel, modifyQpById.
//
// Queue pairs are made by createQp and not by rdma_create_qp, so that MTU, retries and timers are
// ours to set: modifyQpById takes what the connection manager knows of the peer and lets the caller
// overrule it. The active side then has to answer CONNECT_RESPONSE with `establish`.
#pragma once

#include "resource.h"
#include "watch.h"

namespace farside {

class EventChannel : public Resource {
 public:
  static constexpr Kind kKind = Kind::eventChannel;
  EventChannel(const Library& library, rdma_event_channel* channel)
      : Resource(kKind, library), channel(channel) {}

  rdma_event_channel* channel;
  FileWatch watch;

 protected:
  int release() override;
};

class CmId : public Resource {
 public:
  static constexpr Kind kKind = Kind::cmId;
  CmId(const Library& library, rdma_cm_id* id);

  rdma_cm_id* id;
  const double key;  // names it in events

 protected:
  int release() override;
};

void exportCm(Napi::Env env, Napi::Object exports);

}  // namespace farside
