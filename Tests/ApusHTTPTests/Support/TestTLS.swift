import ApusTesting
import Foundation
import NIOSSL

@testable import ApusHTTP

/// A certificate for localhost that certifies nothing: its key is public.
enum TestTLS {
    static func files(in folder: TemporaryFolder) throws -> TLSFiles {
        let certificate = folder.path(of: "certificate.pem")
        let key = folder.path(of: "key.pem")
        try Data(self.certificate.utf8).write(to: URL(filePath: certificate))
        try Data(self.key.utf8).write(to: URL(filePath: key))
        return TLSFiles(certificatePath: certificate, keyPath: key)
    }

    static func clientContext(protocols: [String]) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(self.certificate.utf8)))
        configuration.certificateVerification = .noHostnameVerification
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6KIpuk6B8b/ct+Ma
        fENajUnxDgseWYXC9EZBGHlmYmmhRANCAARr7+rwlcszm8ynxXMwBG8bW/j7tnaE
        ri+bIx+hGQboisls6XirSNFnYxm+jUyKeRWWJ+CQQQ4Ul43ljSnz2bCd
        -----END PRIVATE KEY-----
        """

    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUUbHDOALGA37ZMgUuPRREueieUe4wCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE3NTM1NVoYDzIxMjYxMDI5
        MTc1MzU1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARr7+rwlcszm8ynxXMwBG8bW/j7tnaEri+bIx+hGQboisls6XirSNFn
        Yxm+jUyKeRWWJ+CQQQ4Ul43ljSnz2bCdo28wbTAdBgNVHQ4EFgQUctSis/+eiGlF
        YB7pdF1POWyFcsgwHwYDVR0jBBgwFoAUctSis/+eiGlFYB7pdF1POWyFcsgwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIhAP7XrjSZ6yPVoIgFAl2Zsflf/EbHPSrwhg59yYRIbFx6AiB8
        LbM94R8auVWG01UC47KDimZNcucEJ6xp362iKTlGLQ==
        -----END CERTIFICATE-----
        """
}
