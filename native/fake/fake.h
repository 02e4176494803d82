// A device in this process, for tests and for measuring what posting costs outside a device. It
// fills the same table as libibverbs, executes verbs on memory, and fails when told to.
//
// What it models:
// - reliable-connected queue pairs, connected by number, between any two threads of the process;
// keys,
//   access rights, bounds, states; in-order execution at the moment of posting, or held back.
// - send queues and completion queues of finite size: a place in a send queue is free again only
// when a
//   completion at or after it was polled, and a completion queue that overflows is dead.
// - persistence: a region registered with FLUSH_PERSISTENT has a second copy of its bytes, to which
// FLUSH
//   copies; on power loss every unflushed word keeps its old or its new value.
// - the connection manager (cm.cc), for addresses of this process; where FARSIDE_FAKE_NETWORK names a
//   network (wire.h), also for those of other processes on it, and then it is the default device.
// It executes under one lock, so it is no place to look for races between devices.
#pragma once

#include <napi.h>

#include "../library.h"

namespace farside::fake {

const Library& library();
bool isDefault();
void fillConnectionManager(Library* library);
size_t openIds();
// Tells every connection that its device is gone.
void removeDevice();
void exportFake(Napi::Env env, Napi::Object exports);

}  // namespace farside::fake
