@_exported public import ApusRoaring

/// The number of a device within its app: dense, from 0, never used again.
package typealias Ordinal = UInt32

/// A set of devices of one app.
package typealias Ordinals = RoaringSet
