// Prints each word that it is given.
exports.handler = async (event) => {
  for (const record of event.Records) {
    console.log(`Node says ${record.body}`);
  }
};
