// s3rver, an S3 server for tests: `serve-s3rver.mjs FOLDER` prints its port and serves until its input ends.
import S3rver from 's3rver';

const server = new S3rver({ address: '127.0.0.1', port: 0, directory: process.argv[2], silent: true });
const { port } = await server.run();
console.log(port);
process.stdin.resume().on('end', () => process.exit(0));
