import ApusContract

@testable import apus

/// `docs/configuration.md`: settings and limits, for operators.
enum ConfigurationPage {
    static var text: String {
        "\(self.head)\n\n\(self.settings)\n\n\(self.limitsHead)\n\n\(self.limits)\n\n\(self.tail)\n"
    }

    private static let head = """
        # Configuration

        This page is printed from `SettingName` and `LimitName` in the sources.

        A setting has one name and three places. The command line wins over the environment, the environment over the
        file, and the file over the default. `apus config` shows what is in force and which place it came from.

        | Place | Form |
        |---|---|
        | command line | `apus serve --api 0.0.0.0:8080 --limit push_per_minute=1200 --limit body_bytes=65536` |
        | environment | `APUS_API=0.0.0.0:8080 APUS_LIMIT=push_per_minute=1200,body_bytes=65536` |
        | file | `api = 0.0.0.0:8080`, one setting a line; `#` begins a comment; a list is a repeated line |

        The file is named by `--config FILE` or the variable `APUS_CONFIG`. A bad value anywhere, an unknown option and
        an unknown key of the file stop the start with exit status 64 and a sentence that names the place. An unknown
        variable that begins with `APUS_` is only warned of.

        ## Settings
        """

    private static var settings: String {
        MarkdownTable.text(
            ["Name", "Variable", "Default", "Meaning"],
            SettingName.allCases.map { name in
                let standard = name.standard.joined(separator: " ")
                return [
                    "`\(name.rawValue)`", "`\(name.environmentName)`", standard.isEmpty ? "none" : "`\(standard)`",
                    self.meaning(name) + (name.isList ? " May be given several times." : ""),
                ]
            })
    }

    private static let limitsHead = """
        ## Limits

        `--limit NAME=VALUE` sets a limit for the whole server, `apus app create|update --limit NAME=VALUE` for one app;
        the app's own value wins. 0 means unlimited. Where callers of the vendor's service rely on a limit, the default
        is the vendor's; limits that only sell an account type are off.
        """

    private static var limits: String {
        MarkdownTable.text(
            ["Name", "Default", "Per app", "Meaning"],
            LimitName.allCases.map { name in
                [
                    "`\(name.rawValue)`", name.standard == 0 ? "unlimited" : "\(name.standard)",
                    name.isPerApp ? "yes" : "no", self.meaning(name),
                ]
            })
    }

    private static let tail = """
        The sizes inside a push (4000 bytes of notification and message, 2000 of an iOS notification, 3584 of a live
        activity) and the lengths of its lists (20 tags, 1000 aliases or registration ids) belong to the API and are
        fixed.
        """

    private static func meaning(_ name: SettingName) -> String {
        switch name {
        case .data: "The folder of the store. Made when it is missing, for its owner alone."
        case .api: "Where the REST API listens, as `HOST:PORT`; IPv6 in brackets, port 0 for any free one."
        case .edge: "Where devices connect, likewise."
        case .roles:
            "What this node does: `api` (REST), `edge` (devices), `relay` (timed-speed pushes, upkeep, retention). "
                + "In this release nodes do not work together, so leave all three on."
        case .store: "`sqlite` is the only one of this release."
        case .bus: "`local` is the only one of this release."
        case .tlsCertificate: "A certificate chain in PEM, the server's own first. Both listeners then speak TLS only."
        case .tlsKey: "Its private key in PEM; needs `tls-certificate`."
        case .httpsOnly:
            "`on` refuses API calls that did not come over TLS, here or at a trusted proxy, with 404 / 1020."
        case .trustProxy:
            "An address or CIDR block whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. From everybody "
                + "else they are ignored."
        case .limit: "A limit, as `NAME=VALUE`; see below."
        case .drainSeconds: "How long a stop may take before what is left is cut off, 0 to 3600."
        case .logLevel:
            "`trace`, `debug`, `info`, `notice`, `warning`, `error` or `critical`. Logs go to standard error."
        }
    }

    private static func meaning(_ name: LimitName) -> String {
        switch name {
        case .pushPerMinute: "Calls of the push family in a minute; over it 429 / 2002."
        case .reportPerMinute: "Calls of the report family, likewise."
        case .devicePerMinute: "Calls of the device family."
        case .schedulePerMinute: "Calls of the schedule family."
        case .filePerMinute: "Calls of the file family, per app or developer key."
        case .adminPerMinute: "Calls of the Admin API per developer key."
        case .failedAuthPerMinute:
            "Failed authentications from one source address in a minute; over it 429 / 2002, whatever the credentials. "
                + "Devices are counted apart, and those whose own login holds are let in all the same."
        case .registrationsPerMinute:
            "Registrations of devices from one source address in a minute; over it 429 / 2002."
        case .broadcastsPerDay: "Pushes with the audience `all` in a day of UTC+8; over it 429 / 2008."
        case .devicesPerAlias: "Devices that may carry the same alias; a device that asks for more is refused."
        case .timeToLiveMaxSeconds:
            "The ceiling of `options.time_to_live`; over it 400 / 1003. A push that names none gets a day, or this "
                + "if it is less."
        case .offlinePerDevice:
            "Pushes that wait for one device. At its login the oldest beyond are dropped, and counted as dropped."
        case .cidPerCall: "Ids of one call to `/v3/push/cid`, at most 1000."
        case .schedulesLive: "Live scheduled tasks."
        case .timedPushesRunning: "Pushes with `big_push_duration` that are being spread at a time; over it 400 / 1012."
        case .pushesPerDevicePerDay: "Pushes to one device in a day of UTC+8; a push to a device over it is 403 / 2005."
        case .framesPerSecond:
            "Frames of one device, sustained, with bursts of ten times as many; acks of what was sent are free, "
                + "and an id in a receipt that was never pushed to the device counts as a frame. "
                + "Over it the connection is closed with 4008."
        case .bodyBytes: "The longest JSON body; over it 400 with the family's code."
        case .fileBytes: "The longest uploaded file."
        case .imageBytes: "The longest uploaded image."
        case .imagesKept:
            "Media ids, and pictures in them, each. Replaced pictures count until others need their place."
        case .uploadsRunning:
            "Uploads (of files, images, certificates) that arrive at a time; over it 503, before the body is read."
        case .requestSeconds: "From the last byte of a request to its answer; then 504."
        case .receiveSeconds: "From the first byte of a request to its last; then 400, and the connection is closed."
        }
    }
}
